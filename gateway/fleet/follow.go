package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// follow applies what the fleet is to run, until it loses etcd.
func (m *membership) follow(ctx context.Context, well func()) error {
	err := m.watch(ctx, well)
	// The process that rolls out a candidate must watch it. Without news from etcd there are no
	// gateways.
	if m.stable.Number != 0 && m.state().trial && time.Since(m.heard) > m.s.lease {
		m.run(m.stable, m.stable.Number)
	}
	return err
}

// watch reads, applies, and waits for the next change.
func (m *membership) watch(ctx context.Context, well func()) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	seen, err := m.settle(ctx)
	if err != nil {
		return err
	}
	well()
	c, err := m.s.etcd()
	if err != nil {
		return err
	}
	// Two keys and not the prefix: nodes hear of each other only what each is to run.
	live := c.Watch(ctx, m.s.liveKey(), clientv3.WithRev(seen+1))
	rollout := c.Watch(ctx, m.s.rolloutKey(), clientv3.WithRev(seen+1))
	for {
		timer := time.NewTimer(jitter(m.s.reread))
		var event clientv3.WatchResponse
		open := true
		select {
		case event, open = <-live:
		case event, open = <-rollout:
		case <-m.reread:
		case <-timer.C:
		}
		timer.Stop()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case event.Err() != nil: // compacted, no leader, no permission: all begin again with a read
			return fmt.Errorf("the watch ended: %w", event.Err())
		case !open:
			return errors.New("the watch ended")
		}
		revision, err := m.settle(ctx)
		switch {
		case err != nil:
			return err
		case revision < seen:
			// Restored from a backup: a watch from a revision that is yet to come would be silent until then.
			return fmt.Errorf("etcd went back from revision %d to %d", seen, revision)
		}
	}
}

// settle reads what the fleet is to run, and applies it. It returns etcd's revision of the read.
func (m *membership) settle(ctx context.Context) (int64, error) {
	n, err := m.s.desired(ctx)
	if m.refuse(err) {
		return n.revision, nil
	}
	if err != nil {
		return 0, err
	}
	m.heard = time.Now()
	is := m.state()
	wanted, sum, trial := n.live, n.liveSum, false
	if r := n.rollout; r != nil && is.owner && slices.Contains(r.Nodes, m.name) {
		wanted, sum, trial = r.Candidate, r.Sum, true
	}
	m.update(func(s *status) { s.rolling = n.rollout != nil })
	switch {
	case wanted == 0: // the deletion of live is not a reason to stop serving
		m.update(func(s *status) {
			s.wanted, s.failure = 0, ""
			if s.applied != 0 {
				s.failure = fmt.Sprintf("no revision is live in etcd any more: continuing with revision %d", s.applied)
			}
		})
		return n.revision, nil
	case wanted == is.applied && sum == is.sum && trial == is.trial && is.failure == "":
		m.update(func(s *status) { s.wanted = wanted })
		return n.revision, nil
	}
	// What runs is applied again after another was refused: so who runs it hears that nothing
	// else is wanted any more.
	m.update(func(s *status) { s.wanted = wanted })
	r, err := m.s.Revision(ctx, wanted)
	if err == nil && r.Sum != sum {
		err = unusable(m.s.revisionKey(wanted), "is not the one that went live: its checksum is %.12s…, not %.12s…", r.Sum, sum)
	}
	if m.refuse(err) {
		return n.revision, nil
	}
	if err != nil {
		return 0, err
	}
	r.Trial = trial
	m.run(r, wanted)
	return n.revision, nil
}

// refuse notes that something in etcd cannot be used. It reports whether this is what err says:
// then there is nothing to do but to wait for something better.
func (m *membership) refuse(err error) bool {
	var unusable *UnusableError
	if !errors.As(err, &unusable) {
		return false
	}
	m.heard = time.Now()
	m.update(func(s *status) { s.failure = err.Error() })
	return true
}

// run applies a revision and notes what came of it.
func (m *membership) run(r Revision, wanted int64) {
	err := m.apply(r)
	if err == nil && !r.Trial {
		m.stable = r
	}
	totals := m.report()
	at := time.Now()
	m.update(func(s *status) {
		s.wanted = wanted
		if err != nil {
			s.failure = err.Error()
			return
		}
		if r.Number != s.applied || r.Sum != s.sum {
			s.history.change(at, totals.totals())
		}
		s.applied, s.sum, s.trial, s.failure = r.Number, r.Sum, r.Trial, ""
	})
}
