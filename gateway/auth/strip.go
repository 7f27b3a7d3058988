package auth

import "github.com/corsgate/corsgate/gateway/wire"

// This file leaves credentials out of what the upstream gets, where they are in a URL or among subprotocols.

// AppendQuery appends the query of a request without the credentials in it.
func (g *Gate) AppendQuery(dst, query []byte) []byte {
	if g == nil || len(g.queries) == 0 || len(query) == 0 {
		return append(dst, query...)
	}
	for i, p := range g.queries {
		if i == len(g.queries)-1 {
			return p.appendQuery(dst, query)
		}
		query = p.appendQuery(nil, query)
	}
	return dst
}

// TakesProtocol reports whether Sec-WebSocket-Protocol may hold a token, so that AppendProtocols writes it.
func (g *Gate) TakesProtocol() bool { return g != nil && g.protocols }

// AppendProtocols appends the line of the subprotocols that a client offers, without the token and what announces it, if any
// are left.
func AppendProtocols(dst []byte, r *wire.Request) []byte {
	begin := len(dst)
	token := false
	eachProtocol(r, func(name []byte) {
		switch {
		case token:
			token = false
			return
		case string(name) == bearerProtocol:
			token = true
			return
		case len(dst) == begin:
			dst = append(dst, "Sec-WebSocket-Protocol: "...)
		default:
			dst = append(dst, ", "...)
		}
		dst = append(dst, name...)
	})
	if len(dst) > begin {
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// BearerLine is the line that accepts the subprotocol that announces a token, where the upstream accepts none of the others.
const BearerLine = "Sec-WebSocket-Protocol: " + bearerProtocol + "\r\n"

// OffersBearer reports whether a client offers it.
func OffersBearer(r *wire.Request) bool {
	_, n := protocol(r)
	return n > 0
}
