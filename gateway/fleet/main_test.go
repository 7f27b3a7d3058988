package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds what should happen soon. It is never waited for in a test that passes.
const patience = time.Minute

// open opens a store that ends with the test.
func open(t testing.TB, endpoints ...string) *fleet.Store {
	t.Helper()
	return openWith(t, fleet.Options{Endpoints: endpoints})
}

func openWith(t testing.TB, o fleet.Options) *fleet.Store {
	t.Helper()
	if o.Prefix == "" {
		o.Prefix = "/corsgate/test/"
	}
	s, err := fleet.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Hasten()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// until waits for something that nobody tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

// push pushes a text onto base and returns its number.
func push(t testing.TB, s *fleet.Store, text string, base int64) int64 {
	t.Helper()
	r, err := s.Push(t.Context(), fleet.Revision{Text: text, Author: "ann", Message: "because of " + text}, base)
	if err != nil {
		t.Fatalf("Push(%q, %d): %v", text, base, err)
	}
	return r.Number
}

// A gateway is a node that runs nothing.
type gateway struct {
	t     testing.TB
	name  string
	leave func()

	mu      sync.Mutex
	says    fleet.Node
	applied []fleet.Revision
	refuses string // a text that it does not take
}

// join lets a node of a name join until the test ends.
func join(t testing.TB, s *fleet.Store, name string) *gateway {
	t.Helper()
	g := &gateway{t: t, name: name, says: fleet.Node{Address: "10.0.0.1:8080", Version: "test", Ready: true, Started: time.Now()}}
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan struct{})
	go func() {
		defer close(left)
		s.Join(ctx, name, g.report, g.apply)
	}()
	g.leave = sync.OnceFunc(func() { cancel(); <-left })
	t.Cleanup(g.leave)
	return g
}

func (g *gateway) report() fleet.Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.says
}

// say changes what it reports.
func (g *gateway) say(change func(*fleet.Node)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.says)
}

func (g *gateway) apply(r fleet.Revision) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuses != "" && r.Text == g.refuses {
		return fmt.Errorf("corsgate.toml:1: %q is refused", r.Text)
	}
	g.applied = append(g.applied, r)
	return nil
}

// refuse makes it refuse a text.
func (g *gateway) refuse(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuses = text
}

// runs returns the number of the revision that it runs.
func (g *gateway) runs() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.applied) == 0 {
		return 0
	}
	return g.applied[len(g.applied)-1].Number
}

// text returns what it runs.
func (g *gateway) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.applied) == 0 {
		return ""
	}
	return g.applied[len(g.applied)-1].Text
}

// history returns the numbers of what it was given to apply, with those of trials negative.
func (g *gateway) history() []int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []int64
	for _, r := range g.applied {
		n := r.Number
		if r.Trial {
			n = -n
		}
		all = append(all, n)
	}
	return all
}

// run waits until all of some nodes run a revision.
func run(t testing.TB, number int64, all ...*gateway) {
	t.Helper()
	until(t, fmt.Sprintf("all run revision %d", number), func() bool {
		return !slices.ContainsFunc(all, func(g *gateway) bool { return g.runs() != number })
	})
}

// reported waits until what the store knows of a node is as is says.
func reported(t testing.TB, s *fleet.Store, name, what string, is func(fleet.Node) bool) {
	t.Helper()
	until(t, fmt.Sprintf("node %s reports %s", name, what), func() bool {
		all, err := s.Nodes(t.Context())
		return err == nil && slices.ContainsFunc(all, func(n fleet.Node) bool { return n.Name == name && is(n) })
	})
}
