package wire

import "bytes"

// ValidTrailers returns a trailer section that did not arrive in chunked content, such as one
// of HTTP/2, as a decoder of chunked content would, or the reason to refuse it: so the rules
// are those of chunked content by construction. lines are as Trailers returns them.
func ValidTrailers(lines []byte) ([]byte, *Fault) {
	c := Chunked{state: trailerStart}
	for _, b := range [][]byte{lines, []byte("\r\n")} {
		// n < len(b): an empty line within lines would end the section early and leave bytes
		// behind, for an upstream to read as a request.
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

// MayTrail reports whether a field may be part of a trailer section, as far as its name tells.
// Recipients exist that merge trailers into the header section, which RFC 9110, section 6.5.1,
// allows for few fields only. So a field that decides something must not arrive after the
// decision:
//
//	about                      such as
//	framing, routing           Content-Length, Host, Transfer-Encoding
//	the content's format       Content-Type, Content-Encoding
//	authentication, cookies    Authorization, Set-Cookie
//	CORS                       Access-Control-Allow-Origin, after the browser has decided
//	caching, conditions        Cache-Control, Age, If-None-Match
//	what the gateway writes    X-Forwarded-For, RateLimit
//
// Names are compared as a recipient that makes variables of them would. See RFC 9110, section
// 6.5.1. Digests of the content are made for trailer sections: RFC 9530, section 6.2.
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

// trailerByte reads one byte of the trailer section or of the empty line that ends the content.
// The section has the syntax of a head's fields and is checked as strictly (see fieldLine), so
// that it can be forwarded over HTTP/2 or merged by a recipient without a second check:
//
//	trailerStart ── tchar ──► trailerName ── ':' ──► trailerBlank ──► trailerValue ── CR ──► trailerLF
//	      ▲                                                                                     │
//	      └───────────────────────────────────────── LF ────────────────────────────────────────┘
//
// The bound applies to the stored section as well as to the received one, because a space after
// a colon may have been added.
func (c *Chunked) trailerByte(b byte) *Fault {
	if c.total++; c.total > maxTrailer || len(c.trailers) > maxTrailer-len("\r\n") {
		return FaultTrailer
	}
	switch c.state {
	case trailerStart:
		if b == '\r' {
			c.state = chunkEndLF
			return nil
		}
		if c.lines++; octet[b]&tchar == 0 || c.lines > maxTrailerLine {
			return FaultTrailer
		}
		c.state = trailerName
	case trailerName:
		if b == ':' {
			c.trailers = append(c.trailers, ": "...)
			c.line, c.state = len(c.trailers), trailerBlank
			return nil
		}
		if octet[b]&tchar == 0 {
			return FaultTrailer
		}
	case trailerBlank, trailerValue:
		return c.trailerValueByte(b)
	case trailerLF:
		if b != '\n' {
			return FaultTrailer
		}
		c.state = trailerStart
	case chunkEndLF:
		if b != '\n' {
			return FaultTrailer
		}
		c.state = chunkDone
		return nil
	}
	c.trailers = append(c.trailers, b)
	return nil
}

// trailerValueByte reads one byte of a value, or of the blanks around it, or the one after it.
func (c *Chunked) trailerValueByte(b byte) *Fault {
	switch {
	case b == '\r':
		c.trailers = append(c.trailers[:c.line], trim(c.trailers[c.line:])...)
		c.state = trailerLF
	case octet[b]&fieldByte == 0:
		return FaultTrailer
	case c.state == trailerBlank && (b == ' ' || b == '\t'):
		return nil
	default:
		c.state = trailerValue
	}
	c.trailers = append(c.trailers, b)
	return nil
}
