package wire

import "bytes"

// ValidTrailers returns what a decoder of chunked content makes of a trailer section that came by another way, or why it
// refuses it. lines are as Trailers returns them.
func ValidTrailers(lines []byte) ([]byte, *Fault) {
	c := Chunked{state: trailerStart}
	for _, b := range [][]byte{lines, []byte("\r\n")} {
		if _, n, fault := c.Next(b); fault != nil || n < len(b) {
			return nil, FaultTrailer
		}
	}
	if !c.Done() {
		return nil, FaultTrailer
	}
	return c.trailers, nil
}

// CutTrailer takes the first line off the lines of a trailer section. line is that with its CRLF.
//
// Precondition: lines are not empty, and came from a decoder.
func CutTrailer(lines []byte) (line, name, rest []byte) {
	end := bytes.IndexByte(lines, '\n') + 1
	line, rest = lines[:end], lines[end:]
	return line, line[:bytes.IndexByte(line, ':')], rest
}

// trailerPrefixes are those of names that never are in a trailer section.
var trailerPrefixes = []string{"access-control-", "content-", "cross-origin-", "if-", "proxy-", "sec-", "x-forwarded-"}

// MayTrail reports whether a field may be part of a trailer section, as far as its name tells: it is not about framing,
// routing, authentication, the content's format, CORS, cookies or caching, does not modify the request, and is not one
// that the gateway acts upon or writes, nor could it be taken for one of these by a recipient that makes variables
// of names. See RFC 9110, section 6.5.1. Digests of the content are made for trailer sections: RFC 9530, section 6.2.
func MayTrail(name []byte) bool {
	var buf [64]byte
	like := buf[:copy(buf[:], name)]
	for i, b := range like {
		if like[i] = lower(b); !alnum(b) {
			like[i] = '-'
		}
	}
	switch string(like) {
	case "content-digest":
		return true
	case "age", "alt-svc", "authentication-info", "cache-control", "clear-site-data", "cookie", "cookie2", "cors-refused", "expires",
		"max-forwards", "pragma", "priority", "range", "ratelimit", "ratelimit-policy", "retry-after", "set-cookie2",
		"strict-transport-security", "timing-allow-origin", "warning":
		return false
	}
	for _, prefix := range trailerPrefixes {
		if len(like) >= len(prefix) && string(like[:len(prefix)]) == prefix {
			return false
		}
	}
	return Identify(like) == Other
}
