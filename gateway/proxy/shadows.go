package proxy

import (
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/policy"
)

// This file tries the shadow of a route's policy on its requests, and lists what would change; see policy.Shadow.

// A ShadowDiff is what a shadow would change for the requests of an origin on a route.
type ShadowDiff struct {
	Route  string `json:"route"`
	Policy string `json:"policy"`
	Shadow string `json:"shadow"`
	// Origin is a serialized origin or "null"; what is neither is quoted as in Go, and cut.
	Origin string `json:"origin"`
	// Change is "allowed-to-denied", "denied-to-allowed" or "fields".
	Change string `json:"change"`
	// Reason is the code of the verdict that denies, of the latest request; "" where the fields differ.
	Reason string `json:"reason"`
	frequent.Frequency
}

// Most answers fit in this many bytes; further ones are allocated.
const shadowBuffer = 1024

// tryPreflight compares what was made of a preflight with what the route's shadow makes of it.
// Precondition: the route has a shadow.
func (x *exchange) tryPreflight(req *cors.Preflight, fields []byte) policy.Difference {
	var buf [shadowBuffer]byte
	would, reason := x.route.Shadow.CORS.AppendPreflight(buf[:0], req)
	return policy.Differ(x.reason, fields, reason, would)
}

// tryActual compares what the two policies make of an actual request, and counts it. It is called before anything is
// made of the request, because later its Origin may be gone from the connection's buffer.
// Precondition: the route has a shadow.
func (x *exchange) tryActual() {
	var buf, wouldBuf [shadowBuffer]byte
	fields, reason := x.route.Policy.AppendActual(buf[:0], x.req.Origin, x.req.OriginLines)
	would, wouldReason := x.route.Shadow.CORS.AppendActual(wouldBuf[:0], x.req.Origin, x.req.OriginLines)
	x.changes(policy.Differ(reason, fields, wouldReason, would))
}

// changes counts a difference, if it is one.
func (x *exchange) changes(d policy.Difference) {
	if d.Change == policy.Unchanged {
		return
	}
	x.route.Shadow.Count(d.Change)
	x.noteShadow(d)
}

// noteShadow counts a difference of x's request.
func (x *exchange) noteShadow(d policy.Difference) {
	r := x.route
	var buf [512]byte
	key := append(append(buf[:0], r.Name...), 0)
	start := len(key)
	key = appendPrintable(key, x.req.Origin)
	end := len(key)
	key = append(key, 0, byte(d.Change))
	t := &x.p.shadows
	t.Lock()
	defer t.Unlock()
	e, isNew := t.Count(key, x.now)
	if isNew {
		*e = ShadowDiff{
			Route: r.Name, Policy: r.Shadow.Of.Name, Shadow: r.Shadow.By.Name,
			Origin: string(key[start:end]), Change: d.Change.String(),
		}
	}
	if e.Reason = ""; d.Change != policy.OtherFields {
		e.Reason = d.Reason.String()
	}
}

// ShadowDiffs returns what the shadows of policies would change, the most frequent first, at most 256. The list is
// never nil. A reload keeps the counts of the routes whose policies it does not change, whatever their files of origins
// hold.
func (p *Proxy) ShadowDiffs() []ShadowDiff {
	return p.shadows.All(func(d *ShadowDiff, f frequent.Frequency) { d.Frequency = f })
}
