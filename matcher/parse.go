package matcher

import (
	"fmt"
	"net/netip"
	"strings"
)

// A PatternError says what is wrong with a pattern. ParsePattern returns no other error.
type PatternError struct {
	Pattern string // as given
	Offset  int    // of the first byte at fault, in bytes from the start of Pattern
	Message string // what is wrong
	Hint    string // what to write instead; never empty
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("pattern %q: at byte %d: %s: %s", e.Pattern, e.Offset, e.Message, e.Hint)
}

// ParsePattern parses s. The error is a *PatternError.
func ParsePattern(s string) (Pattern, error) {
	p, err := parse(s)
	if err == nil {
		return p, nil
	}
	err.Pattern = s
	if fixed := repair(s); fixed != s {
		if _, again := parse(fixed); again == nil {
			err.Hint = "write " + fixed
		}
	}
	return Pattern{}, err
}

func parse(s string) (Pattern, *PatternError) {
	switch s {
	case anyText, nullText:
		return Pattern{text: s}, nil
	case fileText:
		return Pattern{text: s, hostAt: uint16(len(s)), hostEnd: uint16(len(s))}, nil
	}
	if err := checkBytes(s); err != nil {
		return Pattern{}, err
	}
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		return Pattern{}, fault(0, hintOrigin, "no scheme")
	}
	if err := checkScheme(scheme); err != nil {
		return Pattern{}, err
	}
	at := len(scheme) + len("://")
	end, err := checkRest(s, scheme, at)
	if err != nil {
		return Pattern{}, err
	}
	p := Pattern{text: s, hostAt: uint16(at), hostEnd: uint16(end), anyPort: scheme == "https" && s[at:end] == anyText}
	if end < len(s) {
		if p.port, p.anyPort, err = parsePort(s[end+1:], scheme, end+1); err != nil {
			return Pattern{}, err
		}
	}
	return p, checkStars(p)
}

// checkRest checks all that follows the scheme but the port, and returns the offset of the host's end.
func checkRest(s, scheme string, at int) (end int, err *PatternError) {
	if addr, length, after, ok := cutNetwork(s[at:]); ok {
		end = len(s) - len(after)
		if err = checkNothingElse(s, end); err == nil {
			err = checkNetwork(addr, length, scheme, at)
		}
		return end, err
	}
	if err = checkNothingElse(s, at); err != nil {
		return 0, err
	}
	if end, err = hostEnd(s, at); err != nil {
		return 0, err
	}
	return end, checkHost(s[at:end], scheme, at)
}

// checkStars refuses stars where others than https and http, or than hosts of labels, have them.
func checkStars(p Pattern) *PatternError {
	scheme := p.Scheme()
	star := strings.IndexByte(p.text, '*')
	switch {
	case star < 0:
	case p.AnyHost() && int(p.hostEnd) < len(p.text):
		return fault(int(p.hostEnd), "write "+p.text[:p.hostEnd], "a port beside a star for the whole host")
	case !p.AnyHost() && scheme != "https" && scheme != "http":
		return fault(star, "write the host and port in full, or "+scheme+"://* for any host", "a star with the scheme %s", scheme)
	}
	return nil
}

func fault(offset int, hint, format string, args ...any) *PatternError {
	return &PatternError{Offset: offset, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// checkBytes refuses what no part of a pattern may hold.
func checkBytes(s string) *PatternError {
	for i := range len(s) {
		switch c := s[i]; {
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
	case "ws", "wss":
		return fault(0, "write the page's origin, with https or http", "no page has an origin of the scheme %s; the Origin of a WebSocket's handshake is that of its page", scheme)
	case "about", "blob", "data", "javascript":
		return fault(0, "write the origin of the page that makes them, or "+nullText, "no origin has the scheme %s", scheme)
	}
	return nil
}

// checkNothingElse refuses what a URL has and an origin has not.
func checkNothingElse(s string, at int) *PatternError {
	i := strings.IndexAny(s[at:], "/?#@\\")
	if i < 0 {
		return nil
	}
	i += at
	const hint = "write the scheme, the host and the port only"
	switch s[i] {
	case '@':
		return fault(at, hint, "user information; an origin has none")
	case '?':
		return fault(i, hint, "query; an origin has none")
	case '#':
		return fault(i, hint, "fragment; an origin has none")
	case '\\':
		return fault(i, hintGlob, "backslash; patterns are not regular expressions, and origins have none")
	}
	if i == len(s)-1 && i > at {
		return fault(i, hint, "slash at the end; an origin has none")
	}
	return fault(i, hint, "path; an origin has none")
}

// hostEnd returns the offset in s of what follows the host: a colon, or nothing.
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

func parsePort(port, scheme string, at int) (n uint16, anyPort bool, err *PatternError) {
	switch {
	case port == "*":
		return 0, true, nil
	case port == "":
		return 0, false, fault(at-1, hintPort, "colon without a port")
	case strings.Trim(port, "0123456789") != "":
		return 0, false, fault(at, hintPort, "port %q is not a number", port)
	case strings.Trim(port, "0") == "":
		return 0, false, fault(at, hintPort, "port 0")
	case port[0] == '0':
		return 0, false, fault(at, hintPort, "port %q starts with a zero", port)
	}
	value := decimal([]byte(port), len("65535"))
	switch {
	case value == 0 || value > 65535:
		return 0, false, fault(at, hintPort, "port %s is beyond 65535", port)
	case value == defaultPort([]byte(scheme)):
		return 0, false, fault(at-1, "write it without the port", "port %s is the default of %s, which browsers leave out", port, scheme)
	}
	return uint16(value), false, nil
}

func checkHost(host, scheme string, at int) *PatternError {
	web := defaultPort([]byte(scheme)) != 0
	switch {
	case scheme == "file":
		return fault(at, "write "+fileText, "a host with the scheme file; the origin that browsers send for a file has none")
	case host == "":
		return fault(at, hintOrigin, "no host")
	case host == anyText && scheme == "http":
		return fault(at, hintAny, "a star for the whole host")
	case host == anyText || host == dotHost && !web:
		return nil
	case host[0] == '[':
		if _, ok := parseIPv6([]byte(host)); !ok {
			return fault(at, hintIPv6, "%s is not an IPv6 address as browsers write it", host)
		}
		return nil
	case host[len(host)-1] == '.':
		return fault(at+len(host)-1, "write it without the dot", "dot at the end of the host; to browsers that is another host")
	case len(host) > maxHost:
		return fault(at+maxHost, hintHost, "host longer than %d bytes", maxHost)
	}
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

// checkLabel checks label i, which is at offset at. A glob needs two literal labels to its right: with fewer, as in
// https://*example.com, it would match names that anyone can register.
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
	if j := strings.Index(label, "**"); j >= 0 {
		return fault(at+j+1, "write one star, which stands for one or more", "two stars side by side")
	}
	literals := len(labels) - 1 - i
	if literals < 2 && !(label == "*" && i == 0 && literals == 1) {
		return fault(at+star, hintGlob, "a star with no registrable name to its right")
	}
	return nil
}
