package fleet_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
	"github.com/google/go-cmp/cmp"
)

// TestRollOut: chosen nodes first, and then all.
func TestRollOut(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	var all []*gateway
	for i := range 4 {
		all = append(all, join(t, s, fmt.Sprint("edge", i)))
	}
	push(t, s, "one", 0)
	run(t, 1, all...)
	for _, g := range all {
		reported(t, s, g.name, "1", func(n fleet.Node) bool { return n.Applied == 1 })
	}
	var events []string
	r, err := s.RollOut(t.Context(), fleet.Revision{Text: "two", Author: "bob"}, 1, fleet.Plan{Nodes: []string{"edge1"}, Hold: time.Second},
		func(e fleet.Event) {
			events = append(events, string(e.Kind))
			if e.Kind == fleet.EventHolding && slices.ContainsFunc(all, func(g *gateway) bool { return g.runs() == 2 != (g.name == "edge1") }) {
				t.Error("others than the chosen node try the candidate")
			}
		})
	if err != nil || r.Number != 2 {
		t.Fatalf("RollOut: revision %d, %v", r.Number, err)
	}
	if diff := cmp.Diff([]string{"begun", "applied", "holding", "live"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	run(t, 2, all...)
	until(t, "the chosen node knows that it is no trial any more", func() bool { return slices.Equal(all[1].history(), []int64{1, -2, 2}) })
	if diff := cmp.Diff([]int64{1, 2}, all[0].history()); diff != "" {
		t.Errorf("a node that was not chosen applied (-want +got):\n%s", diff)
	}
}
