package fleet

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A desired is what a fleet is to run, as read at one time.
type desired struct {
	revision int64 // etcd's, of the read
	live     int64 // 0: nothing
	liveSum  string
	liveMod  int64 // etcd's revision of the key live; 0: it does not exist
	rollout  *Rollout
}

// desired reads what the fleet is to run.
func (s *Store) desired(ctx context.Context) (desired, error) {
	answer, err := s.read(ctx, clientv3.OpGet(s.liveKey()), clientv3.OpGet(s.rolloutKey()))
	if err != nil {
		return desired{}, err
	}
	n := desired{revision: answer.Header.Revision}
	if kvs := answer.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
		var p pointer
		if err := decode(kvs[0], &p); err != nil {
			return n, err
		}
		n.live, n.liveSum, n.liveMod = p.Number, p.Sum, kvs[0].ModRevision
	}
	if kvs := answer.Responses[1].GetResponseRange().Kvs; len(kvs) > 0 {
		var r storedRollout
		if err := decode(kvs[0], &r); err != nil {
			return n, err
		}
		r.created = kvs[0].CreateRevision
		n.rollout = &r.Rollout
	}
	return n, nil
}

// last returns the highest number of a revision, or 0. It looks only from the live one on: etcd would read all to sort
// them.
func (s *Store) last(ctx context.Context, live int64) (int64, error) {
	answer, err := s.read(ctx, clientv3.OpGet(s.revisionKey(live), clientv3.WithRange(s.revisionKey(highest)), clientv3.WithKeysOnly()))
	if err != nil {
		return 0, err
	}
	kvs := answer.Responses[0].GetResponseRange().Kvs
	if len(kvs) == 0 {
		return 0, nil
	}
	return number(kvs[len(kvs)-1].Key)
}
