package proxy

import (
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/policy"
)

// This file tries the shadow of a route's policy on its requests; see policy.Shadow.

// Most answers fit in this many bytes; further ones are allocated.
const shadowBuffer = 1024

// tryPreflight compares what was made of a preflight with what the route's shadow makes of it.
// Precondition: the route has a shadow.
func (x *exchange) tryPreflight(req *cors.Preflight, fields []byte) {
	var buf [shadowBuffer]byte
	would, reason := x.route.Shadow.CORS.AppendPreflight(buf[:0], req)
	x.noteShadow(policy.Differ(x.reason, fields, reason, would))
}

// tryActual compares what the two policies make of an actual request, and counts it. It is called before anything is
// made of the request, because later its Origin may be gone from the connection's buffer.
// Precondition: the route has a shadow.
func (x *exchange) tryActual() {
	var buf, wouldBuf [shadowBuffer]byte
	fields, reason := x.route.Policy.AppendActual(buf[:0], x.req.Origin, x.req.OriginLines)
	would, wouldReason := x.route.Shadow.CORS.AppendActual(wouldBuf[:0], x.req.Origin, x.req.OriginLines)
	x.noteShadow(policy.Differ(reason, fields, wouldReason, would))
}

// noteShadow counts and lists a difference, if it is one.
func (x *exchange) noteShadow(d policy.Difference) {
	if d.Change == policy.Unchanged {
		return
	}
	x.route.Shadow.Count(d.Change)
	q := x.listed()
	x.p.report.Change(&q, d)
}
