package fleet_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
)

// A journal is a log that can be read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), what)
}

// TestTwoOfOneName: the second runs what is live, says once that its name is taken, leaves the first alone, and gets the
// name when the first is gone.
func TestTwoOfOneName(t *testing.T) {
	c := etcdtest.Start(t, etcdtest.Options{})
	s := open(t, c.Endpoints()...)
	first := join(t, s, "edge")
	first.say(func(n *fleet.Node) { n.Address = "10.0.0.1:80" })
	reported(t, s, "edge", "the first", func(n fleet.Node) bool { return n.Address == "10.0.0.1:80" })
	var said journal
	second := join(t, openWith(t, fleet.Options{Endpoints: c.Endpoints(), Log: slog.New(slog.NewTextHandler(&said, nil))}), "edge")
	second.say(func(n *fleet.Node) { n.Address = "10.0.0.2:80" })
	until(t, "the second says what is wrong", func() bool {
		return said.count(`the name \"edge\" belongs to another node, at \"10.0.0.1:80\"`) == 1
	})
	for i := range int64(3) {
		push(t, s, fmt.Sprint("text ", i), i)
		run(t, i+1, first, second)
		reported(t, s, "edge", "the first", func(n fleet.Node) bool { return n.Address == "10.0.0.1:80" && n.Applied == i+1 })
	}
	// Roll-outs mean the first alone.
	r, err := s.RollOut(t.Context(), fleet.Revision{Text: "tried"}, 3, fleet.Plan{Nodes: []string{"edge"}}, func(e fleet.Event) {
		if e.Kind == fleet.EventHolding && second.runs() != 3 {
			t.Errorf("the second tries revision %d", second.runs())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, r.Number, first, second)
	if got := said.count("belongs to another"); got != 1 {
		t.Errorf("it was said %d times", got)
	}
	first.leave()
	reported(t, s, "edge", "the second", func(n fleet.Node) bool { return n.Address == "10.0.0.2:80" })
	until(t, "the second says that all is well", func() bool { return said.count("works again") == 1 })
}

// TestLeaseExpiry: a node that dies without a word is not listed any more, and its name is free.
func TestLeaseExpiry(t *testing.T) {
	c := etcdtest.Start(t, etcdtest.Options{})
	s := open(t, c.Endpoints()...)
	doomed := open(t, c.Endpoints()...)
	join(t, doomed, "edge")
	reported(t, s, "edge", "that it is there", func(n fleet.Node) bool { return true })
	_ = doomed.Close() // all connections, at once
	until(t, "it is not listed", func() bool {
		all, err := s.Nodes(t.Context())
		return err == nil && len(all) == 0
	})
	join(t, s, "edge")
	reported(t, s, "edge", "that it is there", func(n fleet.Node) bool { return true })
}
