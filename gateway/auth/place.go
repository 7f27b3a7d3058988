package auth

import (
	"bytes"
	"iter"
	"net/url"
	"strings"

	"github.com/corsgate/corsgate/gateway/wire"
)

// A place is where in a request a token or a key is.
type place struct {
	kind placeKind
	name string
}

type placeKind uint8

const (
	inBearer placeKind = iota
	inHeader
	inCookie
	inQuery
	inProtocol // Sec-WebSocket-Protocol: bearer, TOKEN
	inClient   // the client's address
)

// parsePlace understands "header:NAME" and its like. Precondition: the parser has let it pass.
func parsePlace(s string) place {
	kind, name, _ := strings.Cut(s, ":")
	switch kind {
	case "header":
		return place{inHeader, name}
	case "cookie":
		return place{inCookie, name}
	case "query":
		return place{inQuery, name}
	case "websocket-protocol":
		return place{kind: inProtocol}
	case "client_ip":
		return place{kind: inClient}
	}
	return place{}
}

// where says it to a person.
func (p *place) where() string {
	switch p.kind {
	case inHeader:
		return p.name
	case inCookie:
		return "the cookie " + p.name
	case inQuery:
		return "the parameter " + p.name + " of the query"
	case inProtocol:
		return "Sec-WebSocket-Protocol, behind bearer"
	}
	return "Authorization: Bearer"
}

// find returns the value that is there, and how many there are: of several the first. It allocates nothing, unless a query
// has escapes.
func (p *place) find(r *wire.Request) (value []byte, n int) {
	switch p.kind {
	case inBearer:
		return bearer(r)
	case inHeader:
		for i := range r.Fields {
			if f := &r.Fields[i]; len(f.Name) == len(p.name) && wire.EqualFold(f.Name, p.name) {
				if n++; n == 1 {
					value = f.Value
				}
			}
		}
		if n == 1 && len(value) == 0 {
			n = 0
		}
	case inCookie:
		return r.Cookie(p.name)
	case inQuery:
		return p.inQuery(r.Query)
	case inProtocol:
		return protocol(r)
	}
	return value, n
}

// bearer returns the token of Authorization. See RFC 6750, section 2.1, and RFC 9110, section 11.4. Several lines are several
// tokens, whatever their schemes.
func bearer(r *wire.Request) (value []byte, n int) {
	lines := 0
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID != wire.Authorization {
			continue
		}
		lines++
		const scheme = "Bearer "
		if len(f.Value) >= len(scheme) && wire.EqualFold(f.Value[:len(scheme)], scheme) {
			value, n = bytes.Trim(f.Value[len(scheme):], " "), 1
		}
	}
	if n > 0 && lines > 1 {
		n = lines
	}
	return value, n
}

func (p *place) inQuery(query []byte) (value []byte, n int) {
	for pair := range pairs(query) {
		if v, ok := p.ofPair(pair); ok && len(v) > 0 {
			if n++; n == 1 {
				value = v
			}
		}
	}
	if bytes.ContainsAny(value, "%+") {
		if plain, err := url.QueryUnescape(string(value)); err == nil {
			value = []byte(plain)
		}
	}
	return value, n
}

// pairs are the parts of a query, which begins with '?' or is empty.
func pairs(query []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest, more := query, len(query) > 0
		if more {
			rest = query[1:]
		}
		for more {
			var pair []byte
			if pair, rest, more = bytes.Cut(rest, []byte("&")); !yield(pair) {
				return
			}
		}
	}
}

// ofPair returns the value of a pair, if its name is that of the place. A name with escapes is what they stand for: an upstream
// would take "%6bey=…" for a second key, which the gateway has not seen.
func (p *place) ofPair(pair []byte) (value []byte, ok bool) {
	name, value, _ := bytes.Cut(pair, []byte("="))
	if string(name) == p.name {
		return value, true
	}
	if !bytes.ContainsAny(name, "%+") {
		return nil, false
	}
	plain, err := url.QueryUnescape(string(name))
	return value, err == nil && plain == p.name
}

// appendQuery appends a query without what is in this place.
func (p *place) appendQuery(dst, query []byte) []byte {
	separator := byte('?')
	for pair := range pairs(query) {
		if _, ok := p.ofPair(pair); !ok {
			dst = append(append(dst, separator), pair...)
			separator = '&'
		}
	}
	return dst
}

// bearerProtocol is the subprotocol that stands before a token.
const bearerProtocol = "bearer"

// protocol returns the token behind "bearer" among the subprotocols that a WebSocket offers.
func protocol(r *wire.Request) (value []byte, n int) {
	next := false
	eachProtocol(r, func(name []byte) {
		switch {
		case next:
			if n++; n == 1 {
				value = name
			}
			next = false
		case string(name) == bearerProtocol:
			next = true
		}
	})
	return value, n
}

// eachProtocol calls f for each subprotocol that is offered.
func eachProtocol(r *wire.Request, f func(name []byte)) {
	for i := range r.Fields {
		if IsProtocolField(&r.Fields[i]) {
			for member := range bytes.SplitSeq(r.Fields[i].Value, []byte(",")) {
				if member = bytes.Trim(member, " \t"); len(member) > 0 {
					f(member)
				}
			}
		}
	}
}

// IsProtocolField reports whether f is Sec-WebSocket-Protocol.
func IsProtocolField(f *wire.Field) bool {
	return len(f.Name) == len("Sec-WebSocket-Protocol") && wire.EqualFold(f.Name, "Sec-WebSocket-Protocol")
}
