package proxy

import (
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file applies what a route changes; see package rewrite.

// appendEdits appends the lines of e, but for Vary.
func (q *request) appendEdits(dst []byte, e *rewrite.FieldEdits) []byte {
	if e == nil {
		return dst
	}
	dst = append(dst, e.Constant...)
	for _, l := range e.Templates {
		if lacks(q.identity, l) {
			continue
		}
		for i := range l {
			dst = append(dst, l[i].Text...)
			switch l[i].Variable {
			case rewrite.ClientIP:
				dst = q.appendClient(dst)
			case rewrite.RequestID:
				dst = append(dst, q.requestID()...)
			case rewrite.Host:
				dst = append(dst, q.host...)
			case rewrite.Scheme:
				dst = append(dst, q.scheme()...)
			case rewrite.CertSubject, rewrite.CertNames, rewrite.CertFingerprint:
				dst = append(dst, certified(q.identity, l[i].Variable)...)
			}
		}
	}
	return dst
}

// capture keeps what the fields of the response will say of the request, which is gone by then.
func (q *request) capture(r *snapshot.Route) {
	if r.NeedsHost {
		q.host = append(q.host[:0], q.asked()...)
		q.asker.Set(q.scheme(), q.req.Host, q.req.Path, r.Rewrite)
	}
	if r.NeedsID {
		q.requestID()
	}
}

// appendLocation appends a field line of the upstream's that may need to be changed.
// Precondition: f.ID.Locates().
func (q *request) appendLocation(dst []byte, f *wire.Field) []byte {
	l := q.route.Locations
	if l == nil {
		return appendField(dst, f)
	}
	q.asker.Host = q.host
	dst = append(append(dst, f.Name...), ": "...)
	return append(l.Append(dst, f, &q.asker), '\r', '\n')
}

// appendPath appends the path of the request as the upstream gets it.
func (q *request) appendPath(dst []byte) []byte {
	if w := q.route.Rewrite; w != nil {
		return w.Append(dst, q.req.Path)
	}
	return append(dst, q.req.Path...)
}

// lacks reports whether a line speaks of something that the client's certificate does not say. Then
// there is no such line.
func lacks(id *tlsconf.Identity, l rewrite.Template) bool {
	for i := range l {
		if v := l[i].Variable; v >= rewrite.CertSubject && certified(id, v) == "" {
			return true
		}
	}
	return false
}

// certified returns what the client's certificate says; id is nil if it has shown none.
func certified(id *tlsconf.Identity, v rewrite.Variable) string {
	switch {
	case id == nil:
		return ""
	case v == rewrite.CertSubject:
		return id.Subject
	case v == rewrite.CertNames:
		return id.Names
	}
	return id.Fingerprint
}
