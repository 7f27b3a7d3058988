package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A canary is a rollout in progress, as its owner sees it.
type canary struct {
	s        *Store
	plan     Plan
	progress func(Event)
	before   []Node // the chosen ones, before
	rollout  Rollout
	ended    <-chan struct{} // the lease did

	applied map[string]bool
	holding time.Time // since when all have applied it; zero: not yet
	others  Counts    // of the nodes that were not chosen, at that time
}

// names returns the names of the chosen nodes.
func (t *canary) names() []string {
	var all []string
	for _, n := range t.before {
		all = append(all, n.Name)
	}
	return all
}

// run watches over the chosen nodes, and makes the candidate live at the end.
func (t *canary) run(ctx context.Context) error {
	t.progress(Event{Kind: EventBegun, Revision: t.rollout.Candidate, Nodes: t.rollout.Nodes})
	t.applied = make(map[string]bool)
	apply := t.plan.Apply
	if apply == 0 {
		apply = 30 * time.Second
	}
	start := time.Now()
	look := time.NewTicker(t.s.look)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.ended:
			return errVanished
		case <-look.C:
		}
		n, all, err := t.look(ctx)
		if err != nil {
			continue // while the lease lasts it may come back; the lease ends with etcd's silence
		}
		switch {
		case n.live != t.rollout.Base:
			return moved(t.rollout.Base, n.live)
		case n.rollout == nil || n.rollout.Candidate != t.rollout.Candidate:
			return errVanished
		}
		if err := t.check(all); err != nil {
			return err
		}
		now := time.Now()
		switch {
		case t.holding.IsZero() && len(t.applied) == len(t.before):
			t.holding = now
			t.others = t.rest(all)
			t.progress(Event{Kind: EventHolding, Revision: t.rollout.Candidate, Nodes: t.rollout.Nodes})
		case t.holding.IsZero() && now.Sub(start) > apply:
			return t.stopped(t.late(), fmt.Sprintf("it has not applied the candidate within %v", apply))
		}
		if !t.holding.IsZero() && now.Sub(t.holding) >= t.plan.Hold {
			return t.finish(ctx, n)
		}
	}
}

// look reads how things are, at one time.
func (t *canary) look(ctx context.Context) (desired, []Node, error) {
	n, err := t.s.desired(ctx)
	if err != nil {
		return n, nil, err
	}
	all, err := t.s.Nodes(ctx)
	return n, all, err
}

// check looks for trouble at the chosen nodes.
func (t *canary) check(all []Node) error {
	others := Counts{}
	if !t.holding.IsZero() {
		others = t.rest(all).minus(t.others)
	}
	for _, before := range t.before {
		i := slices.IndexFunc(all, func(n Node) bool { return n.Name == before.Name })
		if i < 0 {
			return t.stopped(before.Name, "it is no longer there")
		}
		n := all[i]
		switch {
		case !n.Started.Equal(before.Started):
			return t.stopped(n.Name, "it restarted")
		case n.Error != "":
			return t.stopped(n.Name, n.Error)
		case !n.Ready:
			return t.stopped(n.Name, "it is not ready any more")
		case n.Applied != t.rollout.Candidate:
			continue
		}
		if !t.applied[n.Name] {
			t.applied[n.Name] = true
			t.progress(Event{Kind: EventApplied, Revision: t.rollout.Candidate, Node: n.Name})
		}
		if reason := t.plan.Bounds.regression(n.Before, n.Since, others); reason != "" {
			return t.stopped(n.Name, reason)
		}
	}
	return nil
}

// rest returns the sum of what the nodes counted that were not chosen.
func (t *canary) rest(all []Node) Counts {
	var sum Counts
	for _, n := range all {
		if !slices.Contains(t.rollout.Nodes, n.Name) {
			sum = sum.plus(n.totals())
		}
	}
	return sum
}

// late returns the first chosen node that has not applied the candidate.
func (t *canary) late() string {
	for _, n := range t.before {
		if !t.applied[n.Name] {
			return n.Name
		}
	}
	return ""
}

func (t *canary) stopped(node, reason string) error {
	return &StoppedError{Revision: t.rollout.Candidate, Node: node, Reason: reason}
}

// finish makes the candidate live, if all is as it was.
func (t *canary) finish(ctx context.Context, n desired) error {
	answer, err := t.s.commit(ctx,
		[]clientv3.Cmp{
			clientv3.Compare(clientv3.ModRevision(t.s.liveKey()), "=", n.liveMod),
			clientv3.Compare(clientv3.CreateRevision(t.s.rolloutKey()), "=", n.rollout.created),
		},
		[]clientv3.Op{
			clientv3.OpPut(t.s.liveKey(), encode(pointer{format, t.rollout.Candidate, t.rollout.Sum})),
			clientv3.OpDelete(t.s.rolloutKey()),
		}, nil)
	if err == nil && answer.Succeeded {
		return nil
	}
	after, readErr := t.s.desired(ctx)
	switch {
	case readErr != nil:
		return fmt.Errorf("whether revision %d went live is not known: %w", t.rollout.Candidate, readErr)
	case after.live == t.rollout.Candidate:
		return nil // the answer got lost, not the transaction
	case after.live != t.rollout.Base:
		return moved(t.rollout.Base, after.live)
	case err != nil:
		return err
	}
	return errVanished
}
