package proxy

import (
	"bytes"
	"slices"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// appendRequest makes x.head, the request for the upstream, up to its framing: every field that may
// be forwarded, as the client spelt it, then the gateway's own fields about the client. Nothing is
// copied whole: what is written is what was understood.
func (x *exchange) appendRequest() {
	x.traced = x.joinTrace()
	x.head = x.appendRequestTo(x.head[:0], x.route.Upstream.Pool)
	if x.req.TakesTrailers && x.upgrade == "" {
		x.head = append(x.head, "TE: trailers\r\nConnection: TE\r\n"...)
	}
}

// appendRequestTo appends the head that an upstream gets.
func (x *exchange) appendRequestTo(dst []byte, to *upstream.Upstream) []byte {
	r, edits := x.req, x.route.Request
	dst = append(append(dst, r.Method...), ' ')
	dst = x.appendPath(dst)
	dst = append(dst, r.Query...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, to.Host(r.Host)...)
	dst = append(dst, '\r', '\n')
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID == wire.XRequestID || !x.forwards(f) || edits.Hides(f.Name) {
			continue
		}
		if x.traced.drops(f.ID) {
			continue
		}
		dst = appendField(dst, f)
	}
	if x.upgrade != "" {
		dst = x.appendUpgrade(dst)
	}
	if w := x.route.Rewrite; w != nil {
		dst = append(dst, w.Forwarded...)
	}
	dst = x.appendEdits(dst, edits)
	if x.traced.write {
		dst = append(x.traced.context.Append(append(dst, "traceparent: "...)), '\r', '\n')
	}
	return x.appendForwarding(dst)
}

// forwards reports whether a field of the request may be forwarded.
func (x *exchange) forwards(f *wire.Field) bool {
	switch {
	case f.ID == wire.Lookalike:
		return x.route.Lookalikes.Passes(f.Name) && !x.req.Named(f.Name)
	case f.ID.Forwarding() && !x.believes(f):
		return false
	}
	return x.req.Forwardable(f)
}

// believes reports whether the peer's field f is forwarded unchanged. The four fields that the
// gateway writes itself never are.
func (x *exchange) believes(f *wire.Field) bool {
	switch f.ID {
	case wire.XForwardedOther:
		return x.trusted
	case wire.XOriginal:
		return x.trusted && slices.ContainsFunc(x.s.Config.Trust.PassHeaders, func(name string) bool { return wire.EqualFold(f.Name, name) })
	}
	return false
}

func appendField(dst []byte, f *wire.Field) []byte {
	dst = append(dst, f.Name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, f.Value...)
	return append(dst, '\r', '\n')
}

// appendForwarding appends X-Forwarded-For, -Proto and -Host, Forwarded (RFC 7239), X-Request-Id and Via. What
// a trusted peer said of those before it stays in front.
func (x *exchange) appendForwarding(dst []byte) []byte {
	dst = append(dst, "X-Forwarded-For: "...)
	dst = x.appendEarlier(dst, wire.XForwardedFor)
	dst = append(dst, x.peerText...)
	dst = append(dst, "\r\nX-Forwarded-Proto: "...)
	dst = append(dst, x.scheme()...)
	host := x.asked()
	if len(host) > 0 {
		dst = append(dst, "\r\nX-Forwarded-Host: "...)
		dst = append(dst, host...)
	}
	dst = append(dst, "\r\nForwarded: "...)
	if x.wellForwarded() {
		dst = x.appendEarlier(dst, wire.Forwarded)
	}
	dst = append(dst, "for="...)
	if x.peer.Is6() {
		dst = append(append(append(dst, `"[`...), x.peerText...), `]"`...)
	} else {
		dst = append(dst, x.peerText...)
	}
	if len(host) > 0 {
		// Not the proxy's own Host, where it has said another: upstreams that read one of the two fields are to see one host.
		dst = append(append(append(dst, `;host="`...), host...), '"')
	}
	dst = append(append(dst, ";proto="...), x.scheme()...)
	dst = append(append(dst, "\r\nX-Request-Id: "...), x.requestID()...)
	dst = append(append(append(dst, "\r\nVia: "...), x.version()...), ' ')
	dst = append(dst, x.p.pseudonym...)
	return append(dst, '\r', '\n')
}

// appendEarlier appends the values of a list field that a trusted peer sent, each with a comma.
func (x *exchange) appendEarlier(dst []byte, id wire.FieldID) []byte {
	if !x.trusted || !x.req.HasForwarding {
		return dst
	}
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; f.ID == id && len(f.Value) > 0 {
			dst = append(append(dst, f.Value...), ',', ' ')
		}
	}
	return dst
}

// wellForwarded reports whether each line of Forwarded is one: what is appended to an open quote would
// be taken for part of the string.
func (x *exchange) wellForwarded() bool {
	if !x.trusted || !x.req.HasForwarding {
		return true
	}
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; f.ID == wire.Forwarded && !wire.ValidForwarded(f.Value) {
			return false
		}
	}
	return true
}

// version returns the version of HTTP in which the request came.
func (x *exchange) version() string { return x.protocol()[len("HTTP/"):] }

// protocol returns the same with the name of the protocol.
func (x *exchange) protocol() string {
	switch {
	case x.major == 3:
		return "HTTP/3.0"
	case x.major == 2:
		return "HTTP/2.0"
	case x.req.Minor == 0:
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

func (x *exchange) scheme() string {
	if x.https {
		return "https"
	}
	return "http"
}

// believe takes what the nearest proxy says of its own client: the host that was asked for, and whether by https, from
// X-Forwarded-Host and -Proto, or where it does not write these, from Forwarded. What it does not say is as it is between
// the proxy and the gateway. Precondition: the peer is trusted.
func (x *exchange) believe() {
	host, proto := x.lastForwarded(wire.XForwardedHost), x.lastForwarded(wire.XForwardedProto)
	if len(host) == 0 || len(proto) == 0 {
		forwardedHost, forwardedProto := x.forwarded()
		if len(host) == 0 {
			host = forwardedHost
		}
		if len(proto) == 0 {
			proto = forwardedProto
		}
	}
	if wire.ValidHost(host) {
		x.said = append(x.said, host...) // the loop reads others into its buffer before the exchange is over
	}
	if len(proto) > 0 {
		x.https = wire.EqualFold(proto, "https")
	}
}

// forwarded returns host and proto of the last element of the last line of Forwarded, nil where there are none.
func (x *exchange) forwarded() (host, proto []byte) {
	for i := len(x.req.Fields) - 1; i >= 0; i-- {
		if f := &x.req.Fields[i]; f.ID == wire.Forwarded {
			host, proto, _ = wire.LastForwarded(f.Value)
			return host, proto
		}
	}
	return nil, nil
}

// asked returns the host that the client asked for, as far as it is known, with its port. It may be empty.
func (x *exchange) asked() []byte {
	if len(x.said) > 0 {
		return x.said
	}
	return x.req.Host
}

// lastForwarded returns the last member of the last line of a field: what the nearest proxy said.
func (x *exchange) lastForwarded(id wire.FieldID) []byte {
	var v []byte
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; f.ID == id {
			v = f.Value
		}
	}
	if comma := bytes.LastIndexByte(v, ','); comma >= 0 {
		v = v[comma+1:]
	}
	return bytes.TrimLeft(v, " \t")
}

// frameLength ends x.head for content of a known length. Methods that expect content get a
// Content-Length even without (RFC 9110, section 8.6).
func (x *exchange) frameLength(octets int64) { x.head = x.appendFraming(x.head, octets) }

// appendFraming appends what ends the head of the request for content of a known length.
func (x *exchange) appendFraming(dst []byte, octets int64) []byte {
	if octets > 0 || expectsContent(x.req.Method) {
		dst = appendLength(dst, octets)
	}
	return append(dst, '\r', '\n')
}

// frameChunks ends x.head for content of unknown length, or with trailers.
func (x *exchange) frameChunks() {
	x.head = append(x.head, "Transfer-Encoding: chunked\r\n"...)
	x.head = append(appendAnnounced(x.head, x.req.Fields, x.req.Named), '\r', '\n')
}

func expectsContent(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}
