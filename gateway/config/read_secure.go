package config

import "slices"

// checkSecure notes keys for TLS to endpoints that would do nothing.
func (t *table) checkSecure(u *Upstream) {
	if !slices.ContainsFunc(u.Endpoints, func(e Endpoint) bool { return e.TLS }) && !t.r.bad(t.key("endpoints")) {
		for _, key := range []string{"tls_ca", "tls_cert", "tls_key", "tls_server_name"} {
			if s, ok := t.values[key].(string); ok && s != "" {
				t.problem(key, fault{"no endpoint of this upstream speaks TLS", `write the endpoint as "https://host:port", or remove this key`})
			}
		}
		return
	}
	switch {
	case u.TLSCert != "" && u.TLSKey == "":
		t.problem("tls_cert", fault{"a certificate needs its key", `add tls_key = "FILE"`})
	case u.TLSCert == "" && u.TLSKey != "":
		t.problem("tls_key", fault{"a key needs its certificate", `add tls_cert = "FILE"`})
	}
}

// parseServerName understands the name of a server that speaks TLS: a host name or an IP address.
func parseServerName(s string) (string, fault) {
	host, port, f := splitHost(s)
	if f.message == "" && port != "" {
		return "", fault{"a server name has no port", "did you mean \"" + host + "\"?"}
	}
	return host, f
}
