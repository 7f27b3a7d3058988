package proxy

import (
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/report"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file shares responses by the policy of the route: it says which origins may read them, and notes what pages were
// refused; see package report.

// appendShareExposing appends what the route and its policy add to a response that is made here, exposing fields of its own
// to pages.
func (x *response) appendShareExposing(dst []byte, e *rewrite.FieldEdits, exposed [][]byte) []byte {
	dst = x.appendEdits(dst, e)
	origin := false
	if p := x.policy(); p != nil {
		dst, x.reason = p.AppendExposing(dst, x.req.Origin, x.req.OriginLines, exposed)
		x.noteUnshared()
		origin = p.VaryOrigin()
	}
	x.vary = x.vary[:0]
	return x.appendVary(dst, e, origin)
}

// appendShared appends the upstream's fields but for those that the policy owns, which it then
// sets itself. Vary is merged into one line if the answer depends on Origin.
func (x *response) appendShared(dst []byte, res *wire.Response, p *cors.Policy) []byte {
	edits := x.route.Response
	x.vary = x.vary[:0]
	var exposed [][]byte
	for i := range res.Fields {
		f := &res.Fields[i]
		switch {
		case !x.route.Passes(res, f) || x.overrides(f):
			continue
		case f.ID == wire.Vary && p.VaryOrigin():
			x.vary = append(x.vary, f.Value)
			continue
		case x.route.Owns(f):
			x.route.Metrics.Conflict(f.Name)
			if p.MergeExpose() && wire.EqualFold(f.Name, "Access-Control-Expose-Headers") {
				exposed = append(exposed, f.Value)
			}
			continue
		}
		dst = x.appendPassing(dst, f)
	}
	dst, x.reason = p.AppendExposing(dst, x.req.Origin, x.req.OriginLines, exposed)
	x.noteUnshared()
	return x.appendVary(dst, edits, p.VaryOrigin())
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

// noteUnshared lists the request if its response is not shared with its origin. On the loop no more than its method, path,
// Host and Origin are left of it then.
func (x *response) noteUnshared() {
	if x.reason > cors.NoOrigin && x.route != nil && !x.noted && !x.sameOrigin() {
		x.noteRefusal(report.Response)
	}
}

// noteUntaken lists a request of a page that no route takes, or whose head is refused, by x.failure.
func (x *response) noteUntaken() {
	if x.failure == "" || x.noted || !fromPage(x.req) || x.sameOrigin() {
		return
	}
	what := report.Blocked
	if x.isPreflight {
		what = report.Preflight
	}
	x.noted = true
	q := x.listed()
	x.p.report.RefuseUntaken(&q, what, x.failure, x.limit)
}

// noteRefusal lists the request. Precondition: its route has a policy, which refuses it with x.reason.
func (x *response) noteRefusal(what report.Kind) {
	x.noted = true
	q := x.listed()
	x.p.report.Refuse(&q, what, x.reason)
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
