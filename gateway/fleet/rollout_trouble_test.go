package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
	"github.com/google/go-cmp/cmp"
)

// stage is a fleet of four nodes that run revision 1.
func stage(t *testing.T) (*etcdtest.Cluster, *fleet.Store, []*gateway) {
	t.Helper()
	c := etcdtest.Start(t, etcdtest.Options{})
	s := open(t, c.Endpoints()...)
	push(t, s, "one", 0)
	var all []*gateway
	for i := range 4 {
		all = append(all, join(t, s, fmt.Sprint("edge", i)))
	}
	for _, g := range all {
		reported(t, s, g.name, "1", func(n fleet.Node) bool { return n.Applied == 1 && n.Ready })
	}
	return c, s, all
}

// roll rolls "two" out to edge0 and edge1 for a long time. When both have applied it, then is called.
func roll(ctx context.Context, s *fleet.Store, then func()) error {
	_, err := s.RollOut(ctx, fleet.Revision{Text: "two", Author: "ann"}, 1,
		fleet.Plan{Nodes: []string{"edge0", "edge1"}, Hold: time.Hour}, func(e fleet.Event) {
			if e.Kind == fleet.EventHolding {
				then()
			}
		})
	return err
}

// TestRollOutStops: whatever goes wrong at a chosen node stops the roll-out, the chosen nodes return, and the others have
// not noticed.
func TestRollOutStops(t *testing.T) {
	f := func(name, want string, then func(chosen, other *gateway)) {
		t.Run(name, func(t *testing.T) {
			_, s, all := stage(t)
			if name == "error" {
				all[0].refuse("two")
			}
			for _, g := range all {
				g.say(func(n *fleet.Node) { n.Requests, n.Refused, n.Failed = 1000, 30, 10 })
			}
			err := roll(t.Context(), s, func() { then(all[0], all[2]) })
			var stopped *fleet.StoppedError
			if !errors.As(err, &stopped) || stopped.Node != "edge0" || stopped.Reason != want {
				t.Fatalf("RollOut: %v, want edge0: %s", err, want)
			}
			run(t, 1, all[1])
			if name != "gone" {
				run(t, 1, all[0])
				reported(t, s, "edge0", "1 and no more", func(n fleet.Node) bool { return n.Applied == 1 && n.Wanted == 1 })
			}
			if diff := cmp.Diff([]int64{1}, all[2].history()); diff != "" {
				t.Errorf("a node that was not chosen applied (-want +got):\n%s", diff)
			}
			// The next one may be.
			all[0].refuse("")
			all[0].say(func(n *fleet.Node) { n.Error = "" })
			if name != "gone" && name != "not ready" {
				for _, g := range all[:2] {
					reported(t, s, g.name, "1 and no error", func(n fleet.Node) bool { return n.Applied == 1 && n.Error == "" })
				}
				if _, err := s.RollOut(t.Context(), fleet.Revision{Text: "three"}, 1, fleet.Plan{Share: 1}, nil); err != nil {
					t.Fatal(err)
				}
				run(t, 3, all...)
				log, err := s.Log(t.Context(), 10)
				if err != nil || len(log) != 3 || log[0].Dropped || !log[1].Dropped || log[2].Dropped || log[0].Parent != 1 {
					t.Errorf("the log: %+v, %v; want revision 2 dropped", log, err)
				}
			}
		})
	}
	f("error", `corsgate.toml:1: "two" is refused`, func(_, _ *gateway) { t.Error("all have applied it") })
	f("later error", "the certificate is gone", func(g, _ *gateway) { g.say(func(n *fleet.Node) { n.Error = "the certificate is gone" }) })
	f("not ready", "it is not ready any more", func(g, _ *gateway) { g.say(func(n *fleet.Node) { n.Ready = false }) })
	f("gone", "it is no longer there", func(g, _ *gateway) { g.leave() })
	f("restarted", "it restarted", func(g, _ *gateway) { g.say(func(n *fleet.Node) { n.Started = n.Started.Add(time.Second) }) })
	f("refusals", "30.0 % of 1000 requests are refused by their policy, where 3.0 % are usual", func(g, other *gateway) {
		other.say(func(n *fleet.Node) { n.Requests, n.Refused = 2000, 60 })
		g.say(func(n *fleet.Node) { n.Requests, n.Refused = 2000, 330 })
	})
	f("failures", "10.0 % of 1000 requests are answered with 5xx, where 1.0 % are usual", func(g, _ *gateway) {
		g.say(func(n *fleet.Node) { n.Requests, n.Failed = 2000, 110 })
	})
}

// TestRollOutNoJump: what all nodes suffer is not the candidate's fault.
func TestRollOutNoJump(t *testing.T) {
	_, s, all := stage(t)
	_, err := s.RollOut(t.Context(), fleet.Revision{Text: "two"}, 1, fleet.Plan{Nodes: []string{"edge0"}, Hold: 3 * time.Second}, func(e fleet.Event) {
		if e.Kind != fleet.EventHolding {
			return
		}
		for _, g := range slices.Backward(all) { // the chosen one last
			g.say(func(n *fleet.Node) { n.Requests, n.Refused = 1000, 300 })
			if g != all[0] {
				reported(t, s, g.name, "an attack", func(n fleet.Node) bool { return n.Refused == 300 })
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, 2, all...)
}

// TestRollOutOrphaned: when who rolls out dies without a word, the chosen nodes return by themselves.
func TestRollOutOrphaned(t *testing.T) {
	c, s, all := stage(t)
	pusher, err := fleet.Open(fleet.Options{Endpoints: c.Endpoints(), Prefix: "/corsgate/test/"})
	if err != nil {
		t.Fatal(err)
	}
	pusher.Hasten()
	err = roll(t.Context(), pusher, func() {
		run(t, 2, all[:2]...)
		_ = pusher.Close() // all connections, at once: nothing is tidied up
	})
	if err == nil {
		t.Fatal("RollOut without etcd succeeded")
	}
	run(t, 1, all...)
	if r, err := s.Rolling(t.Context()); err != nil || r != nil {
		t.Errorf("a rollout is in progress: %+v, %v", r, err)
	}
}

// TestRollOutEnds: who asks for the end gets it at once.
func TestRollOutEnds(t *testing.T) {
	_, s, all := stage(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := roll(ctx, s, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("RollOut: %v, want canceled", err)
	}
	if r, err := s.Rolling(t.Context()); err != nil || r != nil {
		t.Errorf("a rollout is in progress: %+v, %v", r, err)
	}
	run(t, 1, all...)
}

// TestRollOutOne: one at a time; a push ends it.
func TestRollOutOne(t *testing.T) {
	_, s, all := stage(t)
	err := roll(t.Context(), s, func() {
		err := roll(t.Context(), s, func() { t.Error("a second roll-out began") })
		if !errors.Is(err, fleet.ErrRolling) || !strings.Contains(err.Error(), "of revision 2, by ann") {
			t.Errorf("a second roll-out: %v, want ErrRolling", err)
		}
		if r, err := s.Rolling(t.Context()); err != nil || r == nil || r.Candidate != 2 || r.Base != 1 || !slices.Equal(r.Nodes, []string{"edge0", "edge1"}) {
			t.Errorf("Rolling: %+v, %v", r, err)
		}
		push(t, s, "hotfix", 1)
	})
	if !errors.Is(err, fleet.ErrMoved) {
		t.Errorf("the first roll-out: %v, want ErrMoved", err)
	}
	run(t, 3, all...)
}

// TestRollOutAsked: what cannot be rolled out is said before anything is written.
func TestRollOutAsked(t *testing.T) {
	_, s, all := stage(t)
	all[1].say(func(n *fleet.Node) { n.Ready = false })
	all[2].say(func(n *fleet.Node) { n.Error = "no disk" })
	reported(t, s, "edge1", "that it is not ready", func(n fleet.Node) bool { return !n.Ready })
	reported(t, s, "edge2", "its error", func(n fleet.Node) bool { return n.Error != "" })
	f := func(plan fleet.Plan, base int64, want string) {
		t.Helper()
		if _, err := s.RollOut(t.Context(), fleet.Revision{Text: "two"}, base, plan, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("RollOut(%+v) = %v, want %q", plan, err, want)
		}
	}
	f(fleet.Plan{Share: 0.1}, 0, "there is no revision to return to")
	f(fleet.Plan{}, 1, "a share of 0 of the nodes")
	f(fleet.Plan{Share: 1.5}, 1, "a share of 1.5 of the nodes")
	f(fleet.Plan{Share: 1}, 1, "4 nodes are to try the candidate, and of 4 only 2 are ready")
	f(fleet.Plan{Nodes: []string{"edge9"}}, 1, "there is no such node; there are: edge0, edge1, edge2, edge3")
	f(fleet.Plan{Nodes: []string{"edge1"}}, 1, "it is not ready")
	f(fleet.Plan{Nodes: []string{"edge2"}}, 1, "no disk")
	f(fleet.Plan{Nodes: []string{"edge0", "edge0"}}, 1, "named twice")
	f(fleet.Plan{Nodes: []string{"edge0"}}, 7, "revision 1 is live, not revision 7")
	if log, err := s.Log(t.Context(), 10); err != nil || len(log) != 1 {
		t.Errorf("the log: %+v, %v", log, err)
	}
}

// TestTrialCutOff: a node that tries a candidate and loses etcd returns to what was live: nobody watches over it.
func TestTrialCutOff(t *testing.T) {
	c, s, _ := stage(t)
	wire := etcdtest.StartProxy(t, c.Endpoints()[0])
	far := join(t, open(t, wire.Endpoint()), "far")
	reported(t, s, "far", "1", func(n fleet.Node) bool { return n.Applied == 1 })
	_, err := s.RollOut(t.Context(), fleet.Revision{Text: "two"}, 1, fleet.Plan{Nodes: []string{"far"}, Hold: time.Hour}, func(e fleet.Event) {
		if e.Kind == fleet.EventHolding {
			wire.Cut()
		}
	})
	var stopped *fleet.StoppedError
	if !errors.As(err, &stopped) || stopped.Node != "far" || stopped.Reason != "it is no longer there" {
		t.Errorf("RollOut: %v", err)
	}
	run(t, 1, far)
	if diff := cmp.Diff([]int64{1, -2, 1}, far.history()); diff != "" {
		t.Errorf("it applied (-want +got):\n%s", diff)
	}
}
