package fleet

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// Join is a node's life in the fleet. It returns when ctx ends, and not before: whatever etcd does,
// it comes back by itself. In the meantime it calls:
//
//   - apply, from one goroutine, with each revision that the node should run. If it returns an
//     error the node reports that and continues with what it ran, and the revision is tried
//     again now and then, for the cause may be the node's own. Should it not be wanted any
//     more, what runs is applied once more;
//   - report, at any time and about once a second, for the node's report about itself. Join
//     fills in the name, the applied and the desired revision, and, while there is one, its own
//     error.
//
// A name belongs to one node. A node that finds another living node with its name says so in
// the log and applies the live revision, but neither reports nor takes part in roll-outs, and
// gets the name when the other is gone.
func (s *Store) Join(ctx context.Context, name string, report func() Node, apply func(Revision) error) {
	m := &membership{s: s, name: name, id: rand.Text(), report: report, apply: apply,
		changed: make(chan struct{}, 1), reread: make(chan struct{}, 1)}
	var both sync.WaitGroup
	both.Go(func() { m.again(ctx, "follow the fleet", m.follow) })
	both.Go(func() { m.again(ctx, "report to the fleet", m.present) })
	both.Wait()
}

// A membership is one call of Join. One goroutine applies and the other reports.
type membership struct {
	s      *Store
	name   string
	id     string // tells this life from another node of the same name
	report func() Node
	apply  func(Revision) error

	changed chan struct{} // the reporting goroutine is to look now
	reread  chan struct{} // the applying one is

	// Of the applying goroutine.
	stable Revision  // the last live revision that was applied, to return to when etcd is lost during a trial
	heard  time.Time // when etcd last answered

	mu sync.Mutex
	status
}

// A status is what both goroutines know.
type status struct {
	applied, wanted int64
	sum             string // of what is applied
	trial           bool   // applied is a candidate
	rolling         bool   // a rollout is in progress, here or elsewhere
	failure         string // why applied is not the desired revision
	owner           bool   // the name is ours
	history         history
}

// poke asks the goroutine that listens to c to look.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// update changes the status, and lets it be reported.
func (m *membership) update(change func(*status)) {
	m.mu.Lock()
	change(&m.status)
	m.mu.Unlock()
	poke(m.changed)
}

// state returns a copy of the status.
func (m *membership) state() status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// again calls life until ctx ends, and says why it ended: once, not each time while it is the
// same. life tells by calling well that it did what it is for.
func (m *membership) again(ctx context.Context, what string, life func(ctx context.Context, well func()) error) {
	log := m.s.log.With("node", m.name)
	said := ""
	wait := m.s.backOff / 16
	for ctx.Err() == nil {
		err := life(ctx, func() {
			wait = m.s.backOff / 16
			if said != "" {
				log.Info(what + ": works again")
				said = ""
			}
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			log.Warn(what, "error", said)
		}
		sleep(ctx, jitter(wait))
		wait = min(2*wait, m.s.backOff)
	}
}
