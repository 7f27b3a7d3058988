package gateway

import (
	"reflect"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// This file tries another policy on the requests of a route, and counts what would change. The rules are:
//
//   - nothing of it reaches a client: the fields that the shadow would send are compared and forgotten;
//   - a request without Origin is no CORS request, and nothing of it would change for a page;
//   - where both allow, only what a page can tell is a change: see cors.SameEffect. Names that an upstream exposes
//     (merge_expose) are left out, for the comparison is made before the upstream is asked;
//   - where both deny nothing changes, whatever the reasons.

// A change is what a shadow would change for a request.
type change uint8

const (
	unchanged change = iota
	allowedToDenied
	deniedToAllowed
	otherFields
)

const numChanges = int(otherFields) + 1

// changeNames are labels of a metric: they never change.
var changeNames = [numChanges]string{"", "allowed-to-denied", "denied-to-allowed", "fields"}

// A shadow is the policy that is tried on the requests of a route.
type shadow struct {
	policy *cors.Policy
	tables [2]*config.CORS // of the policy in force and of this one
	counts [numChanges]prometheus.Counter
}

// compileShadow returns the shadow of policy p, or nil. by is its policy, which is nil if that will not do.
func compileShadow(p, by *compiledPolicy, m *metrics.Metrics) *shadow {
	if by == nil {
		return nil
	}
	s := &shadow{policy: by.policy, tables: [2]*config.CORS{&p.table, &by.table}}
	for c := allowedToDenied; int(c) < numChanges; c++ {
		s.counts[c] = m.Shadow(p.table.Name, by.table.Name, changeNames[c])
	}
	return s
}

// same reports whether s compares what t compares.
func (s *shadow) same(t *shadow) bool { return reflect.DeepEqual(s.tables, t.tables) }

// A difference is what a shadow would change for a request, and the reason of the verdict that denies it.
type difference struct {
	change change
	reason cors.Reason
}

// differ compares two verdicts and the fields that go with them.
func differ(reason cors.Reason, fields []byte, would cors.Reason, wouldFields []byte) difference {
	switch {
	case reason == cors.NoOrigin:
	case reason == cors.Allowed && would != cors.Allowed:
		return difference{allowedToDenied, would}
	case reason != cors.Allowed && would == cors.Allowed:
		return difference{deniedToAllowed, reason}
	case reason == cors.Allowed && !cors.SameEffect(fields, wouldFields):
		return difference{change: otherFields}
	}
	return difference{}
}

// Most answers fit in this many octets; further ones are allocated.
const shadowBuffer = 1024

// tryPreflight compares what was made of a preflight with what the route's shadow makes of it.
// Precondition: the route has a shadow.
func (x *exchange) tryPreflight(req *cors.Preflight, fields []byte) difference {
	var buf [shadowBuffer]byte
	would, reason := x.route.shadow.policy.AppendPreflight(buf[:0], req)
	return differ(x.reason, fields, reason, would)
}

// tryActual compares what the two policies make of an actual request, and counts it. It is called before anything is
// made of the request, because later its Origin may be gone from the connection's buffer.
// Precondition: the route has a shadow.
func (x *exchange) tryActual() {
	var buf, wouldBuf [shadowBuffer]byte
	fields, reason := x.route.policy.AppendActual(buf[:0], x.req.Origin, x.req.OriginLines)
	would, wouldReason := x.route.shadow.policy.AppendActual(wouldBuf[:0], x.req.Origin, x.req.OriginLines)
	x.changes(differ(reason, fields, wouldReason, would))
}

// changes counts a difference, if it is one.
func (x *exchange) changes(d difference) {
	if d.change == unchanged {
		return
	}
	x.route.shadow.counts[d.change].Inc()
	x.noteShadow(d)
}

// A cached answer to a preflight ends in the difference that a shadow would make. That it is stored, and not found
// again at every hit, keeps a hit what it is: like the answer it depends on the key alone, and both go with the snapshot.
const differenceSize = 2

func (d difference) append(dst []byte) []byte { return append(dst, byte(d.change), byte(d.reason)) }

// cutDifference takes the difference off the end of a cached answer.
func cutDifference(cached []byte) (answer []byte, d difference) {
	n := len(cached) - differenceSize
	return cached[:n], difference{change(cached[n]), cors.Reason(cached[n+1])}
}
