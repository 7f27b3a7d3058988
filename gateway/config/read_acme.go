package config

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

// This file reads the keys of [tls.acme].

const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

func readACME(t *table) ACME {
	defer t.done()
	a := ACME{
		Directory: scalar(t, "directory", letsEncrypt, parseDirectory),
		Email:     scalar(t, "email", "", optional(parseEmail)),
		Domains:   list(t, "domains", "a string", parseDomain),
		Storage:   t.str("storage", "/var/lib/corsgate/acme"),
		RootCA:    t.str("root_ca", ""),
	}
	if a.Storage == "" {
		t.problem("storage", fault{"certificates and their keys need a directory", `write storage = "/var/lib/corsgate/acme"`})
	}
	if t.values != nil && !t.has("domains") {
		t.problem("domains", fault{"there is no domain to obtain a certificate for", `write domains = ["api.example.com"]`})
	}
	seen := map[string]int{}
	for i, name := range a.Domains {
		if first, twice := seen[name]; twice {
			t.r.problem(t.key("domains"), i, faultf("%q is already listed, at %s", name, t.r.at(t.key("domains"), first)))
			continue
		}
		seen[name] = i
	}
	return a
}

// parseDirectory understands the URL of an authority's directory. Requests to a directory are
// signed, so plain http would not reveal a secret; but an attacker on the way could forge the
// responses. See RFC 8555, section 6.1.
func parseDirectory(s string) (string, fault) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" || u.User != nil:
		return "", faultf("%q is not a directory URL: write %q", s, letsEncrypt)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", fault{fmt.Sprintf("%q: a directory must use https, except on loopback", s), "did you mean \"https" + strings.TrimPrefix(s, "http") + "\"?"}
	}
	_, _, f := splitHost(u.Host)
	return s, f
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// parseEmail understands an address without a name before it.
func parseEmail(s string) (string, fault) {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		f := faultf(`%q is not an address: write "ops@example.com"`, s)
		if rest, ok := strings.CutPrefix(s, "mailto:"); ok {
			f.hint = "did you mean \"" + rest + "\"?"
		}
		return "", f
	}
	return s, fault{}
}

// parseDomain understands a name to get a certificate for.
func parseDomain(s string) (string, fault) {
	if strings.HasPrefix(s, "*.") {
		return "", faultf("%q: wildcard certificates need a DNS record (DNS-01), which corsgate does not support: list each name", s)
	}
	host, f := parseRouteHost(s)
	if f.message != "" {
		return "", f
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "", faultf("%q is an address: certificates are for names", s)
	}
	if strings.ContainsRune(host, '_') {
		return "", faultf("%q: certificate authorities do not issue certificates for names with _", s)
	}
	return host, fault{}
}
