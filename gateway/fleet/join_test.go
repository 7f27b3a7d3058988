package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
)

// TestJoin: five nodes follow each push and say so, and who leaves is not listed any more.
func TestJoin(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	var all []*gateway
	for i := range 5 {
		all = append(all, join(t, s, fmt.Sprintf("edge/%d", i)))
	}
	for i := range int64(5) {
		number := push(t, s, fmt.Sprint("text ", i), i)
		run(t, number, all...)
		for _, g := range all {
			reported(t, s, g.name, "it", func(n fleet.Node) bool { return n.Applied == number && n.Wanted == number && n.Error == "" && n.Ready })
		}
	}
	all[2].leave()
	nodes, err := s.Nodes(t.Context())
	if err != nil || len(nodes) != 4 {
		t.Errorf("after one left: %v, %v", nodes, err)
	}
}

// TestRefused: a node that cannot apply a revision goes on with what it runs and says why, until it is given a better one.
func TestRefused(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	a, b := join(t, s, "a"), join(t, s, "b")
	push(t, s, "good", 0)
	run(t, 1, a, b)
	b.refuse("bad")
	push(t, s, "bad", 1)
	run(t, 2, a)
	reported(t, s, "b", "the error", func(n fleet.Node) bool {
		return n.Applied == 1 && n.Wanted == 2 && n.Error == `corsgate.toml:1: "bad" is refused`
	})
	if got := b.runs(); got != 1 {
		t.Errorf("it runs revision %d", got)
	}
	push(t, s, "good", 2)
	run(t, 3, a, b)
	reported(t, s, "b", "no error", func(n fleet.Node) bool { return n.Applied == 3 && n.Wanted == 3 && n.Error == "" })

	// A candidate that is refused and given up: what runs is applied again, so that b hears of it.
	var stopped *fleet.StoppedError
	if _, err := s.RollOut(t.Context(), fleet.Revision{Text: "bad"}, 3, fleet.Plan{Nodes: []string{"b"}, Hold: patience}, nil); !errors.As(err, &stopped) || stopped.Node != "b" {
		t.Errorf("RollOut: %v", err)
	}
	until(t, "b runs the old one, again", func() bool { h := b.history(); return slices.Equal(h[max(0, len(h)-2):], []int64{3, 3}) })
	reported(t, s, "b", "no error", func(n fleet.Node) bool { return n.Applied == 3 && n.Wanted == 3 && n.Error == "" })

	b.say(func(n *fleet.Node) { n.Ready, n.Error = false, "the disk is full" })
	reported(t, s, "b", "what it says itself", func(n fleet.Node) bool { return !n.Ready && n.Error == "the disk is full" })
}
