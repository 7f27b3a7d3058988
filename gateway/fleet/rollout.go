package fleet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/printable"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A Plan is how a candidate is tried.
type Plan struct {
	// Share is how many of the nodes try it, from 0 to 1: at least one, chosen at random. Nodes names them instead.
	Share float64
	Nodes []string
	// Hold is how long all of them must run it without trouble.
	Hold time.Duration
	// Apply is how long they may take to apply it. Optional: 30 s.
	Apply time.Duration
	// Bounds are what counts as trouble.
	Bounds Thresholds
}

// A Rollout is a candidate on trial.
type Rollout struct {
	Candidate int64     `json:"candidate"`
	Sum       string    `json:"sum"`
	Base      int64     `json:"base"`
	Nodes     []string  `json:"nodes"`
	Author    string    `json:"author"`
	Started   time.Time `json:"started"`

	created int64 // etcd's revision of it: tells it from a later one
}

// A storedRollout is one as etcd has it.
type storedRollout struct {
	Format int `json:"format"`
	Rollout
}

func (s *Store) rolloutKey() string { return s.options.Prefix + "rollout" }

// Rolling returns the roll-out that is under way, or nil.
func (s *Store) Rolling(ctx context.Context) (*Rollout, error) {
	n, err := s.desired(ctx)
	return n.rollout, err
}

// An Event is something that happened during a roll-out.
type Event struct {
	Kind     EventKind
	Revision int64
	Nodes    []string // EventBegun: those that were chosen
	Node     string   // EventApplied
	Reason   string   // EventStopped
}

// An EventKind says what happened.
type EventKind string

const (
	EventBegun   EventKind = "begun"   // the chosen nodes are asked to apply the candidate
	EventApplied EventKind = "applied" // one of them did
	EventHolding EventKind = "holding" // all did, and the time to hold begins
	EventLive    EventKind = "live"    // the candidate went live
	EventStopped EventKind = "stopped" // the roll-out was abandoned: the nodes return to the live revision
)

// A StoppedError is why a roll-out was given up.
type StoppedError struct {
	Revision int64
	Node     string // whose trouble it is; empty: none
	Reason   string
}

func (e *StoppedError) Error() string {
	// A node says what it likes: its lines are indented, so that none can pass for one of ours.
	reason := strings.ReplaceAll(printable.Text(e.Reason), "\n", "\n  ")
	if e.Node == "" {
		return fmt.Sprintf("the rollout of revision %d was stopped: %s", e.Revision, reason)
	}
	return fmt.Sprintf("the rollout of revision %d was stopped: node %s: %s", e.Revision, printable.Line(e.Node), reason)
}

// RollOut is [Store.Push] in two stages: nodes that plan chooses apply r first, and r goes live
// only when they have run it for the time to hold without trouble. Trouble is an error that one of
// them reports, a node that leaves, restarts or is no longer ready, and a regression in the share
// of refusals or failures; see [Thresholds]. Then, and when ctx ends, they return to the live revision,
// and RollOut returns why, as a [*StoppedError] if a node is the reason. If the caller dies they
// return, too, within the time of a lease, 10 s.
//
// One roll-out is under way at a time: another returns [ErrRolling]. A push in the meantime ends it
// with [ErrMoved]. progress is called from this goroutine; it may be nil. There must be a live
// revision to return to.
func (s *Store) RollOut(ctx context.Context, r Revision, base int64, plan Plan, progress func(Event)) (Revision, error) {
	if progress == nil {
		progress = func(Event) {}
	}
	if base == 0 {
		return Revision{}, fmt.Errorf("%w: there is no revision to return to; push the first one", ErrEmpty)
	}
	n, err := s.desired(ctx)
	switch {
	case err != nil:
		return Revision{}, err
	case n.rollout != nil:
		return Revision{}, rolling(n.rollout)
	case n.live != base:
		return Revision{}, moved(base, n.live)
	}
	before, err := s.choose(ctx, plan, base)
	if err != nil {
		return Revision{}, err
	}
	lease, err := s.grant(ctx, s.lease)
	if err != nil {
		return Revision{}, err
	}
	defer s.revoke(ctx, lease) // with it goes the key rollout, if it is still there
	k := s.keep(ctx, lease)
	defer k.stop()

	next := prepare(r, base, time.Now())
	t := &canary{s: s, plan: plan, progress: progress, before: before, ended: k.ended}
	candidate, err := s.add(ctx, &next, func(n desired) ([]clientv3.Cmp, []clientv3.Op, error) {
		if n.rollout != nil {
			return nil, nil, rolling(n.rollout)
		}
		t.rollout = Rollout{Candidate: next.Number, Sum: next.Sum, Base: base, Nodes: t.names(), Author: r.Author, Started: next.Time}
		return []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(s.rolloutKey()), "=", 0)},
			[]clientv3.Op{clientv3.OpPut(s.rolloutKey(), encode(storedRollout{format, t.rollout}), clientv3.WithLease(lease))}, nil
	})
	if err != nil {
		return Revision{}, err
	}
	if err := t.run(ctx); err != nil {
		progress(Event{Kind: EventStopped, Revision: candidate.Number, Reason: err.Error()})
		return candidate, err
	}
	progress(Event{Kind: EventLive, Revision: candidate.Number})
	return candidate, nil
}

// rolling says that a rollout is in progress.
func rolling(r *Rollout) error {
	return fmt.Errorf("%w: of revision %d, by %s", ErrRolling, r.Candidate, printable.Line(r.Author))
}

// choose returns the nodes that are to try a candidate, as they are before.
func (s *Store) choose(ctx context.Context, plan Plan, base int64) ([]Node, error) {
	all, err := s.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	fit := slices.DeleteFunc(slices.Clone(all), func(n Node) bool { return !n.Ready || n.Error != "" || n.Applied != base })
	if len(plan.Nodes) > 0 {
		var chosen []Node
		for i, name := range plan.Nodes {
			if slices.Contains(plan.Nodes[:i], name) {
				return nil, fmt.Errorf("node %q is named twice", name)
			}
			at := slices.IndexFunc(fit, func(n Node) bool { return n.Name == name })
			if at < 0 {
				return nil, fmt.Errorf("node %q cannot try a candidate: %s", name, unfit(all, name, base))
			}
			chosen = append(chosen, fit[at])
		}
		return chosen, nil
	}
	if !(plan.Share > 0 && plan.Share <= 1) {
		return nil, fmt.Errorf("a share of %v of the nodes: it must be above 0 and at most 1", plan.Share)
	}
	// Of all that live, not of those that fit: 10 % is to mean the same on a bad day.
	count := max(1, int(math.Round(plan.Share*float64(len(all)))))
	if len(fit) < count {
		return nil, fmt.Errorf("%d nodes are to try the candidate, and of %d only %d are ready, without an error and on revision %d",
			count, len(all), len(fit), base)
	}
	rand.Shuffle(len(fit), func(i, j int) { fit[i], fit[j] = fit[j], fit[i] })
	return fit[:count], nil
}

// unfit says why a node cannot try a candidate.
func unfit(all []Node, name string, base int64) string {
	i := slices.IndexFunc(all, func(n Node) bool { return n.Name == name })
	switch {
	case i < 0:
		var names []string
		for _, n := range all {
			names = append(names, n.Name)
		}
		return "there is no such node; there are: " + strings.Join(names, ", ")
	case all[i].Error != "":
		return all[i].Error
	case !all[i].Ready:
		return "it is not ready"
	}
	return fmt.Sprintf("it runs revision %d, not %d", all[i].Applied, base)
}

// errVanished is the end of a roll-out whose key is gone.
var errVanished = errors.New("the rollout is no longer in etcd: its lease expired, or someone deleted it")
