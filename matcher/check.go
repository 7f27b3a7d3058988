package matcher

import (
	"net/netip"
	"strings"
)

// checkBytes refuses bytes that no part of a pattern may contain. It runs before everything
// else, so that the other checks may compare bytes without regard to case, and so that a list
// in one string ("https://a, https://b") gets a message about the list.
func checkBytes(s string) *PatternError {
	for i := range len(s) {
		switch c := s[i]; {
		// Not converted here: IDNA mapping is a decision (transitional or not) with tables of
		// its own, and this package depends on the standard library alone. The caller may offer
		// the A-label.
		case c >= 0x80:
			return fault(i, hintASCII, "non-ASCII character; browsers send the A-label")
		case c == ' ' || c == ',':
			return fault(i, "write each origin as a separate pattern, without spaces or commas", "%q in a pattern", c)
		case c < ' ' || c == 0x7f:
			return fault(i, hintOrigin, "control byte %#02x", c)
		case 'A' <= c && c <= 'Z':
			return fault(i, "write it in lower case", "upper-case letter %q; browsers send lower case", c)
		}
	}
	return nil
}

// checkScheme refuses text that is not a scheme (RFC 3986, section 3.1, in lower case), and
// schemes that no origin ever has.
func checkScheme(scheme string) *PatternError {
	switch star := strings.IndexByte(scheme, '*'); {
	case scheme == "":
		return fault(0, hintOrigin, "no scheme")
	case star >= 0:
		return fault(star, hintScheme, "a star in the scheme")
	case scheme[0] < 'a' || scheme[0] > 'z':
		return fault(0, hintScheme, "a scheme starts with a letter, not with %q", scheme[0])
	case len(scheme) > maxScheme:
		return fault(maxScheme, hintScheme, "scheme longer than %d bytes", maxScheme)
	}
	for i := range len(scheme) {
		if !schemeByte(scheme[i]) {
			return fault(i, hintScheme, "%q in the scheme", scheme[i])
		}
	}
	switch scheme {
	// URL gives ws and wss a tuple origin, but no document is loaded from them; the handshake's
	// Origin names the page. See RFC 6455, section 4.1, item 8.
	case "ws", "wss":
		return fault(0, "write the page's origin, with https or http", "no page has an origin of the scheme %s; the Origin of a WebSocket's handshake is that of its page", scheme)
	// These are opaque ("null"), or take the origin of whatever made them. See URL, "origin".
	case "about", "blob", "data", "javascript":
		return fault(0, "write the origin of the page that makes them, or "+nullText, "no origin has the scheme %s", scheme)
	}
	return nil
}

// checkNothingElse refuses the parts of a URL that an origin does not have. A browser never
// sends them in Origin, so each would make the pattern match nothing.
func checkNothingElse(s string, at int) *PatternError {
	i := strings.IndexAny(s[at:], "/?#@\\")
	if i < 0 {
		return nil
	}
	i += at
	const hint = "write the scheme, the host and the port only"
	switch s[i] {
	// https://example.com@evil.test is an origin of evil.test to a URL parser and of
	// example.com to a person.
	case '@':
		return fault(at, hint, "user information; an origin has none")
	case '?':
		return fault(i, hint, "query; an origin has none")
	case '#':
		return fault(i, hint, "fragment; an origin has none")
	// Browsers treat it as a slash; people who come from nginx write "example\.com".
	case '\\':
		return fault(i, hintGlob, "backslash; patterns are not regular expressions, and origins have none")
	}
	if i == len(s)-1 && i > at {
		return fault(i, hint, "slash at the end; an origin has none")
	}
	return fault(i, hint, "path; an origin has none")
}

// hostEnd returns the offset in s of what follows the host: a colon, or the end. In brackets
// colons belong to the address. See RFC 3986, section 3.2.2.
func hostEnd(s string, at int) (int, *PatternError) {
	rest := s[at:]
	if !strings.HasPrefix(rest, "[") {
		if _, err := netip.ParseAddr(rest); err == nil && strings.Contains(rest, ":") {
			return 0, fault(at, hintIPv6, "IPv6 address without brackets")
		}
		if i := strings.IndexByte(rest, ':'); i >= 0 {
			return at + i, nil
		}
		return len(s), nil
	}
	end := strings.IndexByte(rest, ']') + 1
	switch {
	case end == 0:
		return 0, fault(at, hintIPv6, "bracket that is not closed")
	case end < len(rest) && rest[end] != ':':
		return 0, fault(at+end, "write ':' and the port, or nothing, after the bracket", "%q after an IPv6 address", rest[end])
	}
	return at + end, nil
}

// checkHost checks a host, which may contain stars, by the rules of origin.go. web says that
// the scheme is http or https, whose hosts are names or addresses; other hosts are opaque to
// URL and only need bytes that are safe to echo.
func checkHost(host, scheme string, at int) *PatternError {
	web := defaultPort([]byte(scheme)) != 0
	switch {
	case scheme == "file":
		return fault(at, "write "+fileText, "a host with the scheme file; the origin that browsers send for a file has none")
	// The scheme file was handled above: only there is an empty host right.
	case host == "":
		return fault(at, hintOrigin, "no host")
	// Every http:// page includes whatever an attacker on the network injects. A star for other
	// schemes stays within the extensions or apps of one browser.
	case host == anyText && scheme == "http":
		return fault(at, hintAny, "a star for the whole host")
	case host == anyText || host == dotHost && !web:
		return nil
	case host[0] == '[':
		if _, ok := parseIPv6([]byte(host)); !ok {
			return fault(at, hintIPv6, "%s is not an IPv6 address as browsers write it", host)
		}
		return nil
	// https://example.com. is a different origin from https://example.com, with the same server
	// behind it: if a rule treated them alike, one would be a way around the other.
	case host[len(host)-1] == '.':
		return fault(at+len(host)-1, "write it without the dot", "dot at the end of the host; to browsers that is another host")
	case len(host) > maxHost:
		return fault(at+maxHost, hintHost, "host longer than %d bytes", maxHost)
	}
	// "10.0.*" matches the name 10.0.example as easily as an address to a matcher of text. A
	// prefix length says what is meant.
	if web && host[0]-'0' <= 9 && strings.Contains(host, "*") && strings.Trim(host, "0123456789.*") == "" {
		return fault(at, hintNetwork4+", or the address, without a star", "a star in an IPv4 address")
	}
	labels := strings.Split(host, ".")
	for i, start := 0, 0; i < len(labels); i++ {
		if err := checkLabel(labels, i, at+start); err != nil {
			return err
		}
		start += len(labels[i]) + 1
	}
	b := []byte(host)
	// URL parses a host whose last label is a number as an IPv4 address, also "1.2.3.0x4" and
	// "127.1": browsers send the four decimal numbers, so that is the only form that can match.
	if !web || !endsInNumber(b) {
		return nil
	}
	if strings.Contains(host, "*") {
		return fault(at, hintIPv4, "a star in a host that ends in a number, which is an IPv4 address")
	}
	if _, ok := parseIPv4(b); !ok {
		return fault(at, hintIPv4, "%s ends in a number and is not an IPv4 address as browsers write it", host)
	}
	return nil
}

// checkLabel checks label i, which is at offset at. A glob needs two literal labels to its
// right: with fewer, it would match names that anyone can register.
//
//	https://*.example.com          one literal label is enough for a leading "*.": "example.com" is a name
//	https://*.com                  refused: all of .com
//	https://*example.com           refused: evilexample.com, the classic hole of suffix comparison
//	https://app*.example.com       two literal labels
func checkLabel(labels []string, i, at int) *PatternError {
	label := labels[i]
	if label == "" {
		return fault(at, hintLabel, "empty label")
	}
	for j := range len(label) {
		if c := label[j]; c != '*' && !hostByte[c] {
			return fault(at+j, hintHost, "%q in the host", c)
		}
	}
	if len(label) > maxLabel {
		return fault(at+maxLabel, hintLabel, "label longer than %d bytes", maxLabel)
	}
	star := strings.IndexByte(label, '*')
	if star < 0 {
		return nil
	}
	// Two stars mean "any depth" in path globs; here a leading "*." does.
	if j := strings.Index(label, "**"); j >= 0 {
		return fault(at+j+1, "write one star, which stands for one or more", "two stars side by side")
	}
	literals := len(labels) - 1 - i
	if literals < 2 && !(label == "*" && i == 0 && literals == 1) {
		return fault(at+star, hintGlob, "a star with no registrable name to its right")
	}
	return nil
}
