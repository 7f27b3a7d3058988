package h2

import "github.com/corsgate/corsgate/gateway/wire"

// A kind is the role of a field in its head.
type kind uint8

const (
	plain kind = iota
	method
	scheme
	path
	authority
	protocol // of extended CONNECT; see RFC 8441, section 4
	host
	cookie
	length
	priority
	te
	forbidden // malformed, whatever its value
)

// kindOf returns the kind of a field of this name. Names with upper-case letters or other bytes
// than a token's are malformed (RFC 9113, section 8.2.1), as are connection-specific fields
// (section 8.2.2): both become part of an HTTP/1.1 message to an upstream, where
// "transfer-encoding: chunked" or a name with CR LF in it would be request smuggling. Unknown
// pseudo-fields fail too, since ':' is not a token byte (section 8.3).
func kindOf(name []byte) kind {
	if len(name) == 0 {
		return forbidden
	}
	switch string(name) {
	case ":method":
		return method
	case ":scheme":
		return scheme
	case ":path":
		return path
	case ":authority":
		return authority
	case ":protocol":
		return protocol
	case "cookie":
		return cookie
	case "host":
		return host
	case "content-length":
		return length
	case "priority":
		return priority
	case "te":
		return te
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return forbidden
	}
	for _, c := range name {
		if !wire.IsTokenByte(c) || c-'A' < 26 {
			return forbidden
		}
	}
	return plain
}

// takes reports whether v can be the value of a field of this kind: no NUL, CR or LF and no
// white space at either end (RFC 9113, section 8.2.1), nor any other control byte but HTAB;
// "trailers" alone for TE (section 8.2.2).
func (k kind) takes(v []byte) bool {
	switch k {
	case forbidden:
		return false
	case method, scheme, path, authority, protocol:
		return k.takesPseudo(v)
	case te:
		return wire.EqualFold(v, "trailers")
	}
	if n := len(v); n > 0 && (blank(v[0]) || blank(v[n-1])) {
		return false
	}
	for _, c := range v {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// takesPseudo is takes for pseudo-fields: no byte that could end the request line or a part of
// it, and a path that is origin-form or "*" (RFC 9113, section 8.3.1). Whether the value makes
// sense is for package wire to decide.
func (k kind) takesPseudo(v []byte) bool {
	if len(v) == 0 {
		return false
	}
	for _, c := range v {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	switch k {
	case path:
		return v[0] == '/' || len(v) == 1 && v[0] == '*'
	case scheme:
		return string(v) == "https" || string(v) == "http"
	}
	return true
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
