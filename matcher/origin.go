package matcher

import "bytes"

// This file parses serialized tuple origins as browsers send them. The rules are:
//
//   - scheme "://" host, then ":" port unless it is the scheme's default; nothing before,
//     between or after;
//   - scheme: [a-z][a-z0-9+.-]*, at most 64 bytes;
//   - host: labels of 1 to 63 bytes of [a-z0-9_-] between dots, at most 253 bytes, no dot at
//     the end. URL allows more bytes (such as '!' or '`'); no real host has them, and an echoed
//     value should contain nothing odd;
//   - with http and https, a host whose last label is a number is an IPv4 address, written as
//     four decimal numbers;
//   - in brackets, an IPv6 address in the one form that URL's IPv6 serializer writes: RFC 5952,
//     section 4, and never with a dotted IPv4 tail (so not what netip prints for an IPv4-mapped
//     address);
//   - port: decimal, 1 to 65535, no zero in front;
//   - file:// has no host.
//
// To URL the hosts of schemes other than http and https are opaque: no case, number or percent
// sign in them means anything. The engines that give such pages an origin other than null are
// stricter. Chromium canonicalizes these hosts like all others, and WebKit writes them in lower
// case (a Safari extension finds its UUID in upper case in its URLs, and in lower case in
// Origin); Firefox has UUIDs in lower case. So the rules for labels hold there too. Beyond them
// a host may be ".", which Electron pages at app://./ send, and may end in a number.

// Bounds, in bytes: of DNS names (RFC 1035, section 2.3.4: 63 for a label, 255 in its encoding,
// which leaves 253 for the text), and of the longest origin that can be matched or echoed.
const (
	maxScheme = 64
	maxHost   = 253
	maxLabel  = 63
	maxOrigin = maxScheme + len("://") + maxHost + len(":65535")
)

// hostByte says which bytes a label may contain. No upper case: browsers lower it, so
// "Example.com" in Origin was not written by a browser. '_' is not in host names by RFC 952,
// but in many internal names, and URL allows it.
var hostByte = [256]bool{
	'-': true, '_': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true, 'i': true, 'j': true,
	'k': true, 'l': true, 'm': true, 'n': true, 'o': true, 'p': true, 'q': true, 'r': true, 's': true, 't': true,
	'u': true, 'v': true, 'w': true, 'x': true, 'y': true, 'z': true,
}

// ValidOrigin reports whether origin is a tuple origin as a browser serializes it, or
// "file://", as some WebViews do. "null" is not. It neither keeps origin nor allocates. See
// HTML, "serialization of an origin".
func ValidOrigin(origin []byte) bool {
	if len(origin) > maxOrigin {
		return false
	}
	// The first "://" ends the scheme. Another one later fails as a host, because '/' is not a
	// host byte.
	scheme, rest, ok := bytes.Cut(origin, []byte("://"))
	if !ok || !validScheme(scheme) {
		return false
	}
	if string(scheme) == "file" {
		return len(rest) == 0
	}
	port := defaultPort(scheme)
	host, _, ok := cutPort(rest, port)
	return ok && validHost(host, port == 0)
}

// validScheme reports whether b is a scheme as URL serializes it, in lower case. See RFC 3986,
// section 3.1. The bound keeps what is echoed short: the schemes of extensions, such as
// "safari-web-extension", have about 20 bytes.
func validScheme(b []byte) bool {
	if len(b) == 0 || len(b) > maxScheme || b[0] < 'a' || b[0] > 'z' {
		return false
	}
	for _, c := range b {
		if !schemeByte(c) {
			return false
		}
	}
	return true
}

// schemeByte reports whether c may follow the first letter of a scheme. A host byte may be '_',
// a scheme's may not.
func schemeByte(c byte) bool {
	return hostByte[c] && c != '_' || c == '+' || c == '.'
}

// defaultPort returns the default port of a scheme, or 0 if it does not know one. Pages are not
// served over ws, wss and ftp, the other special schemes of URL.
func defaultPort(scheme []byte) uint32 {
	switch string(scheme) {
	case "https":
		return 443
	case "http":
		return 80
	}
	return 0
}

// cutPort cuts the port from the end of b; 0 is none. It is not ok if the port is out of range,
// starts with a zero or is the default. Whatever else is wrong with a port stays in host, and
// makes it one that no host is.
func cutPort(b []byte, defaultPort uint32) (host []byte, port uint32, ok bool) {
	i := len(b)
	// From the end, so that colons inside an IPv6 address do not matter: its bracket stops the
	// digits. The subtraction wraps below '0'.
	for i > 0 && b[i-1]-'0' <= 9 {
		i--
	}
	// No digits, or digits that belong to the host. "https://a:" keeps its colon in the host,
	// where it is not a host byte.
	if i == 0 || i == len(b) || b[i-1] != ':' {
		return b, 0, true
	}
	port = decimal(b[i:], len("65535"))
	return b[:i-1], port, port != 0 && port <= 65535 && port != defaultPort
}

// decimal returns the number that digits spell, or 0 if they are more than most or start with a
// zero; most keeps the number below 2³². Precondition: digits are digits, at least one.
func decimal(digits []byte, most int) uint32 {
	if len(digits) > most || digits[0] == '0' {
		return 0
	}
	n := uint32(0)
	for _, c := range digits {
		n = n*10 + uint32(c-'0')
	}
	return n
}

// validHost reports whether host can be the host of a serialized origin. opaque says that the
// scheme is not http or https: then a host is not parsed as an address if it ends in a number.
func validHost(host []byte, opaque bool) bool {
	switch {
	case len(host) > 0 && host[0] == '[':
		_, ok := parseIPv6(host)
		return ok
	case opaque && string(host) == dotHost:
		return true
	case len(host) > maxHost || !validLabels(host):
		return false
	case opaque || !endsInNumber(host):
		return true
	}
	_, ok := parseIPv4(host)
	return ok
}

// dotHost is the host of Electron pages that are loaded from app://./index.html.
const dotHost = "."

// validLabels reports whether b is one or more labels with dots between them. It does not bound
// their number.
func validLabels(b []byte) bool {
	start := 0
	// One pass: a byte is part of a label, or the dot that ends one of 1 to 63 bytes. No
	// allocation, no split.
	for i, c := range b {
		if hostByte[c] {
			continue
		}
		if c != '.' || i == start || i-start > maxLabel {
			return false
		}
		start = i + 1
	}
	return len(b) > start && len(b)-start <= maxLabel
}
