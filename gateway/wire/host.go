package wire

import (
	"bytes"
	"net/netip"
)

// ValidHost reports whether h is a host with an optional port, as Host carries it: a registered
// name of letters, digits, '-', '_' and '.', an IPv4 address, or an IPv6 address in brackets.
//
// RFC 3986, section 3.2.2, allows more in a reg-name: escapes and sub-delims. No host that is
// reached over DNS has them, and Host ends up in redirects, logs and the links of emails, where
// "a.example:80@evil.test" leads to another server (host header attacks on password resets).
// User information, escapes, empty labels and zones are refused. See RFC 9110, section 7.2.
func ValidHost(h []byte) bool {
	name := HostName(h)
	if port := h[len(name):]; len(port) > 0 {
		n, ok := decimal(port[1:])
		// "host:" with an empty port is valid in a URI, and no client sends it.
		if port[0] != ':' || !ok || n > 65535 || len(port) > len(":65535") {
			return false
		}
	}
	if len(name) == 0 || len(name) > 255 {
		return false
	}
	if name[0] == '[' {
		if len(name) < 4 || len(name) > 47 || name[len(name)-1] != ']' {
			return false
		}
		// The conversion is on no hot path: browsers reach APIs by name.
		a, err := netip.ParseAddr(string(name[1 : len(name)-1]))
		return err == nil && a.Is6() && a.Zone() == ""
	}
	// A dot at the beginning, two in a row: empty labels, which DNS does not have. One at the
	// end is the root's, and stays.
	dot := true
	for _, b := range name {
		if octet[b]&hostByte == 0 || b == '.' && dot {
			return false
		}
		dot = b == '.'
	}
	return true
}

// HostName returns h without its port. In brackets colons belong to the address; a bracket that
// is not closed makes all of h the name, which is not valid.
func HostName(h []byte) []byte {
	if len(h) > 0 && h[0] == '[' {
		if end := bytes.IndexByte(h, ']'); end > 0 {
			return h[:end+1]
		}
		return h
	}
	if colon := bytes.IndexByte(h, ':'); colon >= 0 {
		return h[:colon]
	}
	return h
}
