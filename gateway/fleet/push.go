package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Push makes the text of r, with its author and message, the live revision, if base is still live; 0 is for a fleet
// where nothing is. Otherwise it returns [ErrMoved]. It returns the revision as it was written. To roll back is to push
// an old text.
//
// A push ends a roll-out that is under way: the way back from a mistake is never closed.
func (s *Store) Push(ctx context.Context, r Revision, base int64) (Revision, error) {
	next := prepare(r, base, time.Now())
	return s.attempt(ctx, &next, func(now) ([]clientv3.Cmp, []clientv3.Op, error) {
		return nil, []clientv3.Op{
			clientv3.OpPut(s.liveKey(), encode(pointer{format, next.Number})),
			clientv3.OpDelete(s.rolloutKey()),
		}, nil
	})
}

// attempt adds the revision next and does what plan says, in one transaction, while next's parent is live. It tries
// again when etcd does not answer: what was written is found by its ID.
func (s *Store) attempt(ctx context.Context, next *stored, plan func(now) ([]clientv3.Cmp, []clientv3.Op, error)) (Revision, error) {
	const attempts = 4
	var failure error
	for i := range attempts {
		if i > 0 && !sleep(ctx, jitter(s.backOff/4)) {
			return Revision{}, failure
		}
		n, err := s.now(ctx)
		if err != nil {
			failure = err
			continue
		}
		last, err := s.last(ctx, n.live)
		if err != nil {
			failure = err
			continue
		}
		// Only after a failure: this may be the revision that we do not know of.
		if next.Number != 0 && last >= next.Number {
			switch found, err := s.stored(ctx, next.Number); {
			case err == nil && found.ID == next.ID:
				return found.Revision, nil
			case err != nil && !errors.Is(err, ErrNone):
				failure = err
				continue
			}
		}
		if n.live != next.Parent {
			return Revision{}, moved(next.Parent, n.live)
		}
		next.Number = last + 1
		value := encode(next)
		if len(value) > maxValue {
			return Revision{}, fmt.Errorf("%w: %d bytes as JSON, where etcd takes %d; move what only some nodes need to their own files, or have fewer and wider patterns",
				ErrTooLarge, len(value), maxValue)
		}
		key := s.revisionKey(next.Number)
		conditions, ops, err := plan(n)
		if err != nil {
			return Revision{}, err
		}
		conditions = append(conditions, clientv3.Compare(clientv3.ModRevision(s.liveKey()), "=", n.liveMod),
			clientv3.Compare(clientv3.CreateRevision(key), "=", 0))
		answer, err := s.commit(ctx, conditions, append(ops, clientv3.OpPut(key, value)), nil)
		switch {
		case err != nil:
			failure = fmt.Errorf("whether revision %d was written is not known: %w", next.Number, err)
		case answer.Succeeded:
			return next.Revision, nil
		default:
			// Somebody was faster. With what, the next read tells; that they are many is no reason to give up.
			failure = s.lost(ctx, next.Parent)
			if failure != nil {
				return Revision{}, failure
			}
			failure = fmt.Errorf("revision %d was written by another at the same time", next.Number)
		}
	}
	return Revision{}, failure
}

// lost says why a transaction was not made, or nil if the next may be.
func (s *Store) lost(ctx context.Context, base int64) error {
	n, err := s.now(ctx)
	switch {
	case err != nil:
		return err
	case n.live != base:
		return moved(base, n.live)
	}
	return nil
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
