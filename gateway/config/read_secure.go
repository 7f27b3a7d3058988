package config

import "slices"

// checkSecure notes keys for TLS to endpoints that would do nothing.
func (t *table) checkSecure(u *Upstream) {
	spoken := t.r.bad(t.key("endpoints")) || slices.ContainsFunc(u.Endpoints, func(e Endpoint) bool { return e.TLS })
	t.checkPair(spoken, "no endpoint of this upstream uses TLS", `write the endpoint as "https://host:port", or remove this key`)
}

// checkPair notes keys for TLS that would do nothing, because it is not spoken, or one of a pair is missing.
func (t *table) checkPair(spoken bool, message, hint string) {
	str := func(key string) string { s, _ := t.values[key].(string); return s }
	if !spoken {
		for _, key := range []string{"tls_ca", "tls_cert", "tls_key", "tls_server_name"} {
			if str(key) != "" {
				t.problem(key, fault{message, hint})
			}
		}
		return
	}
	switch {
	case str("tls_cert") != "" && str("tls_key") == "":
		t.problem("tls_cert", fault{"a certificate needs its key", `add tls_key = "FILE"`})
	case str("tls_cert") == "" && str("tls_key") != "":
		t.problem("tls_key", fault{"a key needs its certificate", `add tls_cert = "FILE"`})
	}
}

// parseServerName understands the name of a server that speaks TLS: a host name or an IP address.
func parseServerName(s string) (string, fault) {
	host, port, f := splitHost(s)
	if f.message == "" && port != "" {
		return "", fault{"a server name cannot have a port", "did you mean \"" + host + "\"?"}
	}
	return host, f
}
