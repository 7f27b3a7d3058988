package proxy

import (
	"bytes"
	"slices"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// appendRequest makes x.head, the request for the upstream, up to its framing: every field that may
// be forwarded, as the client spelt it, then the gateway's own fields about the client. Nothing is
// copied whole: what is written is what was understood.
func (x *exchange) appendRequest() {
	x.traced = x.record.joinTrace(&x.request)
	x.head = x.appendRequestTo(x.head[:0], x.route.Upstream.Pool, &x.traced)
	if x.req.TakesTrailers && x.upgrade == "" {
		x.head = append(x.head, "TE: trailers\r\nConnection: TE\r\n"...)
	}
}

// appendRequestTo appends the head that an upstream gets.
func (q *request) appendRequestTo(dst []byte, to *upstream.Upstream, t *traced) []byte {
	r, edits := q.req, q.route.Request
	dst = append(append(dst, r.Method...), ' ')
	dst = q.appendPath(dst)
	gate := q.route.Auth
	if gate == nil {
		dst = append(dst, r.Query...)
	} else {
		dst = gate.AppendQuery(dst, r.Query)
	}
	protocols := gate.TakesProtocol()
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, to.Host(r.Host)...)
	dst = append(dst, '\r', '\n')
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID == wire.XRequestID || !q.forwards(f) || edits.Hides(f.Name) {
			continue
		}
		if t.drops(f.ID) || protocols && auth.IsProtocolField(f) {
			continue
		}
		dst = appendField(dst, f)
	}
	if q.upgrade != "" {
		dst = q.appendUpgrade(dst)
	}
	if gate != nil {
		dst = q.appendIdentity(dst)
	}
	if w := q.route.Rewrite; w != nil {
		dst = append(dst, w.Forwarded...)
	}
	dst = q.appendEdits(dst, edits)
	if t.write {
		dst = append(t.context.Append(append(dst, "traceparent: "...)), '\r', '\n')
	}
	return q.appendForwarding(dst)
}

// forwards reports whether a field of the request may be forwarded.
func (q *request) forwards(f *wire.Field) bool {
	switch {
	case f.ID == wire.Lookalike:
		return q.route.Lookalikes.Passes(f.Name) && !q.req.Named(f.Name)
	case f.ID.Forwarding() && !q.believes(f):
		return false
	}
	return q.req.Forwardable(f)
}

// believes reports whether the peer's field f is forwarded unchanged. The four fields that the
// gateway writes itself never are.
func (q *request) believes(f *wire.Field) bool {
	switch f.ID {
	case wire.XForwardedOther:
		return q.trusted
	case wire.XOriginal:
		return q.trusted && slices.ContainsFunc(q.s.Config.Trust.PassHeaders, func(name string) bool { return wire.EqualFold(f.Name, name) })
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
func (q *request) appendForwarding(dst []byte) []byte {
	dst = append(dst, "X-Forwarded-For: "...)
	dst = q.appendEarlier(dst, wire.XForwardedFor)
	dst = append(dst, q.peerText...)
	dst = append(dst, "\r\nX-Forwarded-Proto: "...)
	dst = append(dst, q.scheme()...)
	host := q.asked()
	if len(host) > 0 {
		dst = append(dst, "\r\nX-Forwarded-Host: "...)
		dst = append(dst, host...)
	}
	dst = append(dst, "\r\nForwarded: "...)
	if q.wellForwarded() {
		dst = q.appendEarlier(dst, wire.Forwarded)
	}
	dst = append(dst, "for="...)
	if q.peer.Is6() {
		dst = append(append(append(dst, `"[`...), q.peerText...), `]"`...)
	} else {
		dst = append(dst, q.peerText...)
	}
	if len(host) > 0 {
		// Not the proxy's own Host, where it has said another: upstreams that read one of the two fields are to see one host.
		dst = append(append(append(dst, `;host="`...), host...), '"')
	}
	dst = append(append(dst, ";proto="...), q.scheme()...)
	dst = append(append(dst, "\r\nX-Request-Id: "...), q.requestID()...)
	dst = append(append(append(dst, "\r\nVia: "...), q.protocol()[len("HTTP/"):]...), ' ')
	dst = append(dst, q.p.pseudonym...)
	return append(dst, '\r', '\n')
}

// hasPassed reports whether the request has passed through the process with a pseudonym before. See RFC 9110,
// section 7.6.3.
func hasPassed(req *wire.Request, pseudonym string) bool {
	if !req.HasVia {
		return false
	}
	for i := range req.Fields {
		f := &req.Fields[i]
		if f.ID == wire.Via && bytes.Contains(f.Value, []byte(pseudonym)) {
			return true
		}
	}
	return false
}
