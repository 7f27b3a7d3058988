package config

import (
	"maps"
	"slices"
)

// This file reads the keys of [tls], and checks what listeners need from other tables.

func readTLS(t *table) TLS {
	defer t.done()
	return TLS{
		Certificates: list[map[string]any, Certificate](t, "certificates", certificateShape, parseCertificate),
		MinVersion:   t.oneOf("min_version", "1.2", "1.3"),
		ClientCA:     t.str("client_ca", ""),
		ClientAuth:   t.oneOf("client_auth", clientAuths...),
		ACME:         readACME(t.sub("acme")),
	}
}

// clientAuths are the modes of client_auth, the default first.
var clientAuths = []string{"preflight-exempt", "require", "optional"}

func parseClientAuth(s string) (string, fault) {
	if s == "" {
		return s, fault{}
	}
	return s, notOneOf(s, clientAuths)
}

// checkClientAuth finds client_ca and client_auth where they can do nothing.
func (r *reader) checkClientAuth(l *Listener) {
	table := joinKey("listener", l.Name)
	switch {
	case l.ClientCA != "" && !l.TLS && !r.bad(table+".tls"):
		r.problem(table+".client_ca", -1, fault{"client certificates need TLS", "write tls = true, or remove this key"})
	case l.ClientAuth != "" && !l.TLS && !r.bad(table+".tls"):
		r.problem(table+".client_auth", -1, fault{"client certificates need TLS", "write tls = true, or remove this key"})
	case l.ClientAuth != "" && l.ClientCA == "" && r.cfg.TLS.ClientCA == "":
		r.problem(table+".client_auth", -1, fault{"without client_ca no client certificate can be accepted", `write client_ca = "clients.pem"`})
	}
}

const certificateShape = `{ cert = "api.pem", key = "api.key" }`

// parseCertificate understands an element of certificates. Whether the files will do is seen when they are read.
func parseCertificate(values map[string]any) (c Certificate, f fault) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s, ok := values[key].(string)
		switch {
		case key != "cert" && key != "key":
			return c, fault{key + ": unknown key", didYouMean("%s", key, []string{"cert", "key"})}
		case !ok:
			return c, faultf("%s must be a string, not %s", key, kind(values[key]))
		case key == "cert":
			c.Cert = s
		default:
			c.Key = s
		}
	}
	if c.Cert == "" || c.Key == "" {
		return c, fault{"a certificate is two files, cert and key", "write " + certificateShape}
	}
	return c, fault{}
}

// checkListeners finds listeners that lack what their keys need.
func (r *reader) checkListeners() {
	if len(r.cfg.TLS.ACME.Domains) > 0 && !slices.ContainsFunc(r.cfg.Listeners, func(l Listener) bool { return l.TLS }) {
		r.problem("tls.acme", -1, fault{"no listener has tls = true, so the certificates would not be used", "add [listener.https] with address = \":443\" and tls = true"})
	}
	alone := r.cfg.places.has("tls.client_auth") && !r.cfg.places.has("tls.client_ca")
	if tls := &r.cfg.TLS; (alone || tls.ClientAuth != clientAuths[0]) && tls.ClientCA == "" && !r.bad("tls.client_ca") &&
		!slices.ContainsFunc(r.cfg.Listeners, func(l Listener) bool { return l.ClientCA != "" }) {
		r.problem("tls.client_auth", -1, fault{"without client_ca no client certificate can be accepted", `write client_ca = "clients.pem"`})
	}
	for _, l := range r.cfg.Listeners {
		r.checkClientAuth(&l)
		table := joinKey("listener", l.Name)
		if l.TLS && len(r.cfg.TLS.Certificates) == 0 && len(r.cfg.TLS.ACME.Domains) == 0 && !r.bad("tls.certificates") && !r.bad("tls.acme.domains") {
			r.problem(table+".tls", -1, fault{"there is no certificate to offer",
				"write [tls] with certificates = [" + certificateShape + "], or [tls.acme] with domains = [\"api.example.com\"]"})
		}
		if l.TLS && l.RedirectHTTPS {
			r.problem(table+".redirect_https", -1, fault{"with tls = true every request is https already", "remove this key"})
		}
		if l.TLS && l.H2C {
			r.problem(table+".h2c", -1, fault{"h2c is HTTP/2 without TLS: with tls = true clients choose HTTP/2 in the handshake (ALPN)", "remove this key"})
		}
		if l.HTTP3 {
			r.checkHTTP3(table, &l)
		}
		if l.ProxyProtocol && len(r.cfg.Trust.Proxies) == 0 && !r.bad("trust.proxies") {
			r.problem(table+".proxy_protocol", -1, fault{"no proxy is trusted, so every connection would be closed", `write [trust] with proxies = ["10.0.0.0/8"]`})
		}
	}
}

// checkHTTP3 finds listeners that cannot offer HTTP/3.
func (r *reader) checkHTTP3(table string, l *Listener) {
	network, _ := l.Address.Split()
	key := table + ".http3"
	switch {
	case network == "unix":
		r.problem(key, -1, fault{"HTTP/3 uses UDP, and this listener is a Unix socket", "remove this key"})
	case l.ProxyProtocol:
		r.problem(key, -1, fault{"with proxy_protocol = true clients connect through a load balancer over TCP, which HTTP/3 would bypass", "remove this key"})
	case !l.TLS && !r.bad(table+".tls"):
		r.problem(key, -1, fault{"HTTP/3 is always encrypted", "write tls = true"})
	}
}
