package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Push makes the text of r, with its author and message, the live revision, if base is still
// live; 0 is for a fleet where nothing is. Otherwise it returns [ErrMoved]. It returns the
// revision as it was written. To roll back is to push an old text.
//
// A push ends a roll-out that is under way: the way back from a mistake is never closed.
func (s *Store) Push(ctx context.Context, r Revision, base int64) (Revision, error) {
	next := prepare(r, base, time.Now())
	return s.add(ctx, &next, func(desired) ([]clientv3.Cmp, []clientv3.Op, error) {
		return nil, []clientv3.Op{
			clientv3.OpPut(s.liveKey(), encode(pointer{format, next.Number, next.Sum})),
			clientv3.OpDelete(s.rolloutKey()),
		}, nil
	})
}

// A plan is the further conditions and operations of the transaction that adds a revision.
type plan func(desired) ([]clientv3.Cmp, []clientv3.Op, error)

// add adds the revision next and does what p says, in one transaction, while next's parent is
// live. It tries again when etcd does not answer: the revision is then looked up by its ID.
func (s *Store) add(ctx context.Context, next *stored, p plan) (Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, s.push)
	defer cancel()
	var failure error
	for {
		r, again, err := s.try(ctx, next, p)
		if !again || final(err) {
			return r, err
		}
		if failure == nil || ctx.Err() == nil { // that the time is up is not why
			failure = err
		}
		if !sleep(ctx, jitter(s.backOff/4)) {
			return Revision{}, failure
		}
	}
}

// try is one attempt to add next. It reports whether another may succeed.
func (s *Store) try(ctx context.Context, next *stored, p plan) (r Revision, again bool, err error) {
	n, err := s.desired(ctx)
	if err != nil {
		return r, true, err
	}
	last, err := s.last(ctx, n.live)
	if err != nil {
		return r, true, err
	}
	// Only after a failure: this may be the revision that we do not know of.
	if next.Number != 0 && last >= next.Number {
		switch found, err := s.stored(ctx, next.Number); {
		case err == nil && found.ID == next.ID:
			return found.Revision, false, nil
		case err != nil && !errors.Is(err, ErrNone):
			return r, true, err
		}
	}
	if n.live != next.Parent {
		return r, false, moved(next.Parent, n.live)
	}
	next.Number = last + 1
	key, value := s.revisionKey(next.Number), encode(next)
	if len(value) > maxValue {
		return r, false, fmt.Errorf("%w: %d bytes as JSON, where etcd takes %d; move what only some nodes need to their own files, or have fewer and wider patterns",
			ErrTooLarge, len(value), maxValue)
	}
	conditions, ops, err := p(n)
	if err != nil {
		return r, false, err
	}
	conditions = append(conditions, clientv3.Compare(clientv3.ModRevision(s.liveKey()), "=", n.liveMod),
		clientv3.Compare(clientv3.CreateRevision(key), "=", 0))
	answer, err := s.commit(ctx, conditions, append(ops, clientv3.OpPut(key, value)), nil)
	switch {
	case err != nil:
		return r, true, fmt.Errorf("whether revision %d was written is not known: %w", next.Number, err)
	case !answer.Succeeded:
		return r, true, fmt.Errorf("revision %d was written by another at the same time", next.Number)
	}
	return next.Revision, false, nil
}

// moved says that live is not base.
func moved(base, live int64) error {
	was, is := "nothing", "nothing"
	if base != 0 {
		was = fmt.Sprintf("revision %d", base)
	}
	if live != 0 {
		is = fmt.Sprintf("revision %d", live)
	}
	return fmt.Errorf("%w: %s is live, not %s", ErrMoved, is, was)
}
