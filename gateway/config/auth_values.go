package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// This file holds the grammar of the values of [auth.NAME], and of what routes say of clients' addresses.

// IdentityParts returns the parts of a value of [Auth.Set], whose variables are "claim.NAME", "key.NAME" and "name".
func IdentityParts(value string) []Part {
	parts, _ := identityParts(value)
	return parts
}

func identityParts(s string) (parts []Part, f fault) {
	if !isFieldValue(s) || s == "" {
		return nil, fault{message: "a value is visible ASCII, without blanks at its ends"}
	}
	if claim, whole := strings.CutPrefix(s, "$claim."); whole && claim != "" && !strings.ContainsAny(claim, "$ ") {
		return []Part{{Variable: "claim." + claim}}, fault{} // also one with the name of a URL
	}
	text := ""
	for s != "" {
		before, after, found := strings.Cut(s, "$")
		if text += before; !found {
			break
		}
		if s = strings.TrimPrefix(after, "$"); s != after {
			text += "$"
			continue
		}
		name := variableAt(after)
		kind, rest, _ := strings.Cut(name, ".")
		if name != "name" && (kind != "claim" && kind != "key" || rest == "") {
			return nil, fault{`"$" begins a variable that there is not: the variables are $claim.NAME, $key.NAME and $name`, `write "$$" for a dollar sign`}
		}
		parts = append(parts, Part{text, name})
		text, s = "", after[len(name):]
	}
	if text != "" || len(parts) == 0 {
		parts = append(parts, Part{Text: text})
	}
	return parts, fault{}
}

// variableAt returns the longest name of a variable at the beginning of s: words of letters, digits, '_' and '-', with dots between.
func variableAt(s string) string {
	end := 0
	for i := range len(s) {
		switch {
		case isNameByte(s[i]):
			end = i + 1
		case s[i] != '.' || end < i:
			return s[:end]
		}
	}
	return s[:end]
}

func notEmpty(s string) (string, fault) {
	if s == "" {
		return "", fault{message: "is empty"}
	}
	return s, fault{}
}

// parseAddressOrFile understands an element of allow and deny.
func parseAddressOrFile(s string) (string, fault) {
	if name, file := strings.CutPrefix(s, "@"); file {
		if name == "" {
			return "", fault{`"@" begins the name of a file`, `write "@addresses.list"`}
		}
		return s, fault{}
	}
	_, f := parsePrefix(s)
	return s, f
}

// ParseNetwork understands a network, or an address as a network of one. The error is "" or says what is wrong.
func ParseNetwork(s string) (netip.Prefix, string) {
	p, f := parsePrefix(s)
	if f.message != "" && f.hint != "" {
		f.message += " (" + f.hint + ")"
	}
	return p, f.message
}

// parseKeysURL understands where keys are fetched from: by https, or from this machine.
func parseKeysURL(s string) (string, fault) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return "", faultf("%q is not an https URL", s)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", fault{fmt.Sprintf("%q: keys that come by http may be anybody's", s), fmt.Sprintf("did you mean %q?", "https"+strings.TrimPrefix(s, "http"))}
	}
	return s, fault{}
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// parseMetadataURL understands a URL that clients are sent to.
func parseMetadataURL(s string) (string, fault) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || !isFieldValue(s) || strings.ContainsAny(s, "\"\\ ") {
		return "", faultf("%q is not a URL such as \"https://api.example.com/.well-known/oauth-protected-resource\"", s)
	}
	return s, fault{}
}

func parseAlgorithm(s string) (string, fault) {
	if s == "none" {
		return "", fault{message: `"none" means no signature, so that anybody can make such a token: it cannot be written (RFC 8725, section 2.1)`}
	}
	return s, notOneOf(s, Algorithms)
}

func parseTokenType(s string) (string, fault) {
	if !isFieldValue(s) || strings.ContainsAny(s, " \"") {
		return "", faultf(`%q is not a media type such as "at+jwt"`, s)
	}
	return s, fault{}
}

// parseFrom understands the place of a token or a key.
func parseFrom(s string) (string, fault) {
	kind, name, named := strings.Cut(s, ":")
	switch {
	case s == "bearer", s == "websocket-protocol":
	case named && isToken(name) && (kind == "header" || kind == "cookie" || kind == "query"):
	default:
		return "", faultf(`%q is not one of "bearer", "header:NAME", "cookie:NAME", "query:NAME", "websocket-protocol"`, s)
	}
	return s, fault{}
}

// parseDecisionKey understands a part of a request that a decision is remembered by.
func parseDecisionKey(s string) (string, fault) {
	kind, name, named := strings.Cut(s, ":")
	if s != "client_ip" && (!named || !isToken(name) || kind != "header" && kind != "cookie" && kind != "query") {
		return "", faultf(`%q is not one of "cookie:NAME", "header:NAME", "query:NAME", "client_ip"`, s)
	}
	return s, fault{}
}

// parseSAN understands a pattern of the names in a certificate.
func parseSAN(s string) (string, fault) {
	star := strings.IndexByte(s, '*')
	switch {
	case !isFieldValue(s) || s == "" || strings.ContainsAny(s, ", \\"):
		return "", faultf("%q is not a name", s)
	case star < 0:
	case strings.Contains(s, "://") && star == len(s)-1 && strings.HasSuffix(s, "/*") && strings.Count(s, "/") > 2:
	case !strings.Contains(s, "://") && strings.HasPrefix(s, "*.") && star == strings.LastIndexByte(s, '*') && len(s) > 2:
	default:
		return "", faultf(`%q: a "*" stands for the first labels of a DNS name ("*.svc.example.com") or for the end of a URI behind a slash ("spiffe://example.com/*")`, s)
	}
	return s, fault{}
}

// parseTarget understands the path of a request, with or without a query.
func parseTarget(s string) (string, fault) {
	path, query, _ := strings.Cut(s, "?")
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c > '~' || c == '#' {
			return "", faultf("%q: %q must be percent-encoded in a query", s, query[i:i+1])
		}
	}
	_, f := parsePath(path)
	return s, f
}
