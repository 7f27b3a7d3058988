package proxy

import (
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// This file shares responses by the policy of the route: it says which origins may read them, and notes what pages were
// refused; see package report.

// appendShareExposing appends what the route and its policy add to a response that is made here, exposing fields of its own
// to pages.
func (x *response) appendShareExposing(dst []byte, e *rewrite.FieldEdits, exposed [][]byte) []byte {
	return x.appendShareVarying(dst, e, exposed, nil)
}

// appendShareVarying is appendShareExposing for a response that has a Vary of its own.
func (x *response) appendShareVarying(dst []byte, e *rewrite.FieldEdits, exposed, vary [][]byte) []byte {
	dst = x.appendEdits(dst, e)
	origin := false
	if p := x.policy(); p != nil {
		dst, x.reason = p.AppendExposing(dst, x.req.Origin, x.req.OriginLines, exposed)
		x.noteUnshared()
		origin = p.VaryOrigin()
	}
	x.vary = append(x.vary[:0], vary...)
	return x.appendVary(dst, e, origin)
}

// appendVary appends the Vary line of a response: what x.vary holds, what e sets, and Origin if the
// policy decides by it.
func (x *response) appendVary(dst []byte, e *rewrite.FieldEdits, origin bool) []byte {
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

// policy returns the policy that shares the response: the route's or, if there is no route, the
// policy of the nearest routes.
func (x *response) policy() *cors.Policy {
	switch {
	case x.route != nil:
		return x.route.Policy
	case x.failure == failurePanic:
		return nil // it may be what has panicked
	}
	path := x.req.Path
	if x.miss.Misread() {
		path = nil // its kind is unknown
	}
	return x.s.PolicyFor(x.req.Host, path)
}

// exposedOf returns what is exposed of a response with a status that is made here.
func exposedOf(status int) [][]byte {
	switch {
	case status < 400:
		return nil
	case status == 429:
		return exposedRate
	case status == 502 || status == 503:
		return exposedRetry
	}
	return exposedID
}

// What pages may read of the gateway's own errors beyond what the policy exposes: what to quote, and when to come back.
var (
	exposedID    = [][]byte{[]byte("X-Request-Id")}
	exposedRetry = [][]byte{[]byte("Retry-After, X-Request-Id")}
	exposedRate  = [][]byte{[]byte("Retry-After, RateLimit, RateLimit-Policy, X-Request-Id")}
)

// editsFor returns the fields that the route sets on a response that is made here.
func editsFor(r *snapshot.Route, status int) *rewrite.FieldEdits {
	switch {
	case r == nil:
		return nil
	case r.Redirect != nil && r.Redirect.Status == status:
		return r.Response
	default:
		return r.Errors
	}
}
