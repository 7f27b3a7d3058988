package proxy

import (
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file applies what a route changes; see package rewrite.

// appendEdits appends the lines of e, but for Vary.
func (x *exchange) appendEdits(dst []byte, e *rewrite.FieldEdits) []byte {
	if e == nil {
		return dst
	}
	dst = append(dst, e.Constant...)
	for _, l := range e.Templates {
		if x.lacks(l) {
			continue
		}
		for i := range l {
			dst = append(dst, l[i].Text...)
			switch l[i].Variable {
			case rewrite.ClientIP:
				dst = x.appendClient(dst)
			case rewrite.RequestID:
				dst = append(dst, x.requestID()...)
			case rewrite.Host:
				dst = append(dst, x.host...)
			case rewrite.Scheme:
				dst = append(dst, x.scheme()...)
			case rewrite.CertSubject, rewrite.CertNames, rewrite.CertFingerprint:
				dst = append(dst, x.certified(l[i].Variable)...)
			}
		}
	}
	return dst
}

// lacks reports whether a line speaks of something that the client's certificate does not say. Then
// there is no such line.
func (x *exchange) lacks(l rewrite.Template) bool {
	for i := range l {
		if v := l[i].Variable; v >= rewrite.CertSubject && x.certified(v) == "" {
			return true
		}
	}
	return false
}

// certified returns what the client's certificate says.
func (x *exchange) certified(v rewrite.Variable) string {
	switch {
	case x.identity == nil:
		return ""
	case v == rewrite.CertSubject:
		return x.identity.Subject
	case v == rewrite.CertNames:
		return x.identity.Names
	}
	return x.identity.Fingerprint
}

// appendVary appends the Vary line of a response: what x.vary holds, what e sets, and Origin if the
// policy decides by it.
func (x *exchange) appendVary(dst []byte, e *rewrite.FieldEdits, origin bool) []byte {
	if e != nil && e.Vary != nil {
		x.vary = append(x.vary, e.Vary)
	}
	switch {
	case origin:
		return cors.AppendVary(dst, x.vary, "Origin")
	case len(x.vary) > 0:
		return cors.AppendVary(dst, x.vary, "")
	}
	return dst
}

// capture keeps what the fields of the response will say of the request, which is gone by then.
func (x *exchange) capture(r *snapshot.Route) {
	if r.NeedsHost {
		x.host = append(x.host[:0], x.asked()...)
		x.asker.Set(x.scheme(), x.req.Host, x.req.Path, r.Rewrite)
	}
	if r.NeedsID {
		x.requestID()
	}
}

// appendLocation appends a field line of the upstream's that may need to be changed.
// Precondition: f.ID.Locates().
func (x *exchange) appendLocation(dst []byte, f *wire.Field) []byte {
	l := x.route.Locations
	if l == nil {
		return appendField(dst, f)
	}
	x.asker.Host = x.host
	dst = append(append(dst, f.Name...), ": "...)
	return append(l.Append(dst, f, &x.asker), '\r', '\n')
}

// appendPath appends the path of the request as the upstream gets it.
func (x *exchange) appendPath(dst []byte) []byte {
	if w := x.route.Rewrite; w != nil {
		return w.Append(dst, x.req.Path)
	}
	return append(dst, x.req.Path...)
}

// refusesLookalike reports whether the request has a field for whose name it must be refused.
func (x *exchange) refusesLookalike() bool {
	l := &x.route.Lookalikes
	if !l.Refuse || !x.req.HasLookalike {
		return false
	}
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; f.ID == wire.Lookalike && !l.Passes(f.Name) {
			return true
		}
	}
	return false
}
