package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// grant returns a new lease, of whole seconds.
func (s *Store) grant(ctx context.Context, length time.Duration) (clientv3.LeaseID, error) {
	c, err := s.etcd()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), s.request)
	defer cancel()
	answer, err := c.Grant(ctx, int64(length/time.Second))
	if err != nil {
		return 0, fmt.Errorf("etcd: %w", err)
	}
	return answer.ID, nil
}

// revoke ends a lease, even if ctx has ended: who leaves in good order is not to be waited for. What it cannot end, ends
// by itself.
func (s *Store) revoke(ctx context.Context, lease clientv3.LeaseID) {
	c, err := s.etcd()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.request/4)
	defer cancel()
	_, _ = c.Revoke(ctx, lease)
}

// A keeper keeps a lease alive.
type keeper struct {
	ended chan struct{} // closed when the lease is known to have ended, or may have
	stop  func()        // ends the keeper and waits for it; the lease then ends by itself
}

// keep keeps a lease alive until ctx ends, stop is called or the lease ends.
func (s *Store) keep(ctx context.Context, lease clientv3.LeaseID) *keeper {
	ctx, cancel := context.WithCancel(ctx)
	k := &keeper{ended: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s.keepAlive(ctx, lease); ctx.Err() == nil {
			close(k.ended)
		}
	}()
	k.stop = func() { cancel(); <-done }
	return k
}

// keepAlive returns when the lease may have ended. The library's stream does the work while it works. When it is silent
// for most of the lease, because the member at its other end is, single requests do: each goes to the next member.
func (s *Store) keepAlive(ctx context.Context, lease clientv3.LeaseID) {
	c, err := s.etcd()
	if err != nil {
		return
	}
	last := time.Now()
	var answers <-chan *clientv3.LeaseKeepAliveResponse
	tick := time.NewTicker(s.lease / 10)
	defer tick.Stop()
	for {
		if answers == nil {
			if answers, err = c.KeepAlive(ctx, lease); err != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case answer, open := <-answers:
			switch {
			case !open:
				answers = nil // its own idea of when the lease ended; ours is below
				if !sleep(ctx, s.lease/20) {
					return
				}
			case answer != nil:
				last = time.Now()
			}
		case <-tick.C:
		}
		silent := time.Since(last)
		switch {
		case silent > s.lease:
			return
		case silent > s.lease/2:
			bounded, cancel := context.WithTimeout(ctx, s.lease/8)
			_, err := c.KeepAliveOnce(bounded, lease)
			cancel()
			switch {
			case errors.Is(err, rpctypes.ErrLeaseNotFound):
				return
			case err == nil:
				last = time.Now()
			}
		}
	}
}
