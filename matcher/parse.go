package matcher

import (
	"fmt"
	"strings"
)

// A PatternError says what is wrong with a pattern. ParsePattern returns no other error.
//
// Offset lets an editor or a message point at the byte, and Hint is always something to write:
// a corrected pattern where one can be derived (see repair), else an example of the form that
// is needed.
type PatternError struct {
	Pattern string // as given
	Offset  int    // of the first byte at fault, in bytes from the start of Pattern
	Message string // what is wrong
	Hint    string // what to write instead; never empty
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("pattern %q: at byte %d: %s: %s", e.Pattern, e.Offset, e.Message, e.Hint)
}

// ParsePattern parses s. The error is a *PatternError. A pattern is never corrected silently:
// https://Example.com is an error that names https://example.com, because a list that is
// compared byte for byte with what browsers send should contain what they send.
//
//	checkBytes    no upper case, blanks, commas, controls or non-ASCII characters
//	checkScheme   a scheme that pages can have
//	checkRest     10.0.0.0/8: checkNetwork; else
//	              checkNothingElse   no user information, path, query or fragment
//	              hostEnd            where the port begins
//	              checkHost          labels, an address, or a star
//	parsePort     1 to 65535 and not the default, or a star
//	checkStars    stars only where they have one meaning
func ParsePattern(s string) (Pattern, error) {
	p, err := parse(s)
	if err == nil {
		return p, nil
	}
	err.Pattern = s
	// The guess is offered only if it would be accepted, so following a hint never leads to the
	// next error.
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
	// The host is empty and lies behind the text, so that Scheme and Host need no case for it.
	case fileText:
		return Pattern{text: s, hostAt: uint16(len(s)), hostEnd: uint16(len(s))}, nil
	}
	if err := checkBytes(s); err != nil {
		return Pattern{}, err
	}
	// "://" rather than ":": data:, blob: and about: URLs have no tuple origin to write down.
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
	// https://* is every https origin on any port. "https://*:*" would say the same and is
	// refused by checkStars, so there is one spelling.
	p := Pattern{text: s, hostAt: uint16(at), hostEnd: uint16(end), anyPort: scheme == "https" && s[at:end] == anyText}
	if end < len(s) {
		if p.port, p.anyPort, err = parsePort(s[end+1:], scheme, end+1); err != nil {
			return Pattern{}, err
		}
	}
	return p, checkStars(p)
}

// checkRest checks everything after the scheme except the port, and returns the offset of the
// host's end. Networks come first: their slash would be reported as a path.
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

// checkStars refuses stars in hosts that have no labels for them to stand for. URL treats hosts
// of other schemes than http and https as opaque: "moz-extension://a*" would be a prefix of a
// random UUID.
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

// parsePort parses what follows the colon. Browsers leave a default port out and never write a
// leading zero, so a pattern with either matches nothing: it is an error instead of a dead
// entry. See HTML, "serialization of an origin", and URL, "port state".
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
