package policy

import (
	"reflect"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// This file tries another policy on the requests of a route, and counts what would change. The rules are:
//
//   - clients see none of it: the fields that the shadow would send are compared and forgotten;
//   - a request without Origin is not a CORS request, and a page would see no change;
//   - where both allow, only what a page can tell is a change: see cors.SameEffect. Names that an upstream exposes
//     (merge_expose) are left out, for the comparison is made before the upstream is asked;
//   - where both deny nothing changes, whatever the reasons.

// A Change is what a shadow would change for a request.
type Change uint8

// The changes.
const (
	Unchanged Change = iota
	AllowedToDenied
	DeniedToAllowed
	OtherFields
)

const numChanges = int(OtherFields) + 1

// changeNames are labels of a metric: they never change.
var changeNames = [numChanges]string{"", "allowed-to-denied", "denied-to-allowed", "fields"}

// String returns the label of c, "" for Unchanged.
func (c Change) String() string { return changeNames[c] }

// A Shadow is the policy that is tried on the requests of a route.
type Shadow struct {
	CORS *cors.Policy
	// Of and By are the tables of the policy in force and of this one.
	Of, By *config.CORS
	counts [numChanges]prometheus.Counter
}

// CompileShadow returns the shadow of policy p, or nil. by is its policy, which is nil if that will not do.
func CompileShadow(p, by *Policy, m *metrics.Metrics) *Shadow {
	if by == nil {
		return nil
	}
	s := &Shadow{CORS: by.CORS, Of: &p.Table, By: &by.Table}
	for c := AllowedToDenied; int(c) < numChanges; c++ {
		s.counts[c] = m.Shadow(p.Table.Name, by.Table.Name, c.String())
	}
	return s
}

// Same reports whether s compares what t compares.
func (s *Shadow) Same(t *Shadow) bool {
	return reflect.DeepEqual(s.Of, t.Of) && reflect.DeepEqual(s.By, t.By)
}

// Count counts a change.
func (s *Shadow) Count(c Change) { s.counts[c].Inc() }

// A Difference is what a shadow would change for a request, and the reason of the verdict that denies it.
type Difference struct {
	Change Change
	Reason cors.Reason
}

// Differ compares two verdicts and the fields that go with them.
func Differ(reason cors.Reason, fields []byte, would cors.Reason, wouldFields []byte) Difference {
	switch {
	case reason == cors.NoOrigin:
	case reason == cors.Allowed && would != cors.Allowed:
		return Difference{AllowedToDenied, would}
	case reason != cors.Allowed && would == cors.Allowed:
		return Difference{DeniedToAllowed, reason}
	case reason == cors.Allowed && !cors.SameEffect(fields, wouldFields):
		return Difference{Change: OtherFields}
	}
	return Difference{}
}
