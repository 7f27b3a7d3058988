package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// present reports under a lease until the lease ends. Writes cost etcd: a node writes at once when something
// changed that an operator waits for, and else only how much it has done, at a slow pace, if it did anything.
func (m *membership) present(ctx context.Context, well func()) error {
	m.mu.Lock()
	m.history.add(time.Now(), m.totals())
	m.mu.Unlock()
	written := m.node()
	lease, err := m.claim(ctx, written)
	if err != nil {
		return err
	}
	m.own(true)
	defer m.own(false)
	well()
	k := m.s.keep(ctx, lease)
	defer k.stop()

	look := time.NewTicker(m.s.look)
	defer look.Stop()
	last, pace := time.Now(), jitter(m.s.pace)
	var failure error
	for {
		select {
		case <-ctx.Done():
			m.s.revoke(ctx, lease)
			return ctx.Err()
		case <-k.ended:
			return errors.Join(errors.New("the lease of this node expired"), failure)
		case <-m.changed:
		case <-look.C:
		}
		n := m.node()
		now := time.Now()
		m.mu.Lock()
		m.history.add(now, n.totals())
		trial, rolling := m.trial, m.rolling
		m.mu.Unlock()
		due := last.Add(pace)
		switch {
		case trial: // each number is waited for
			due = now
		case rolling: // it is compared with those that try the candidate
			due = last.Add(pace / 6)
		}
		if n == written || n.quiet() == written.quiet() && now.Before(due) {
			continue
		}
		switch ok, err := m.write(ctx, lease, n); {
		case err != nil:
			failure = err // the lease decides whether this is the end
		case !ok:
			return errors.New("another node took this node's name")
		default:
			written, failure, last, pace = n, nil, now, jitter(m.s.pace)
		}
	}
}

// own notes whether the name is ours. It decides whether roll-outs mean this node.
func (m *membership) own(is bool) {
	m.update(func(s *status) { s.owner = is })
	poke(m.reread)
}

// totals returns what the node counted since its start.
func (m *membership) totals() Counts {
	n := m.report()
	return n.totals()
}

// node returns the current report.
func (m *membership) node() Node {
	n := m.report()
	is := m.state()
	n.Name, n.Applied, n.Wanted = m.name, is.applied, is.wanted
	if is.failure != "" {
		n.Error = is.failure
	}
	n.Before, n.Since = is.history.before, n.totals().minus(is.history.mark)
	n.Started = n.Started.UTC().Round(0) // so that == works
	return n
}

// quiet returns n without what changes with each request.
func (n Node) quiet() Node {
	n.Requests, n.Refused, n.Failed, n.Since = 0, 0, 0, Counts{}
	return n
}

// claim takes the name, with a first report, under a new lease.
func (m *membership) claim(ctx context.Context, n Node) (clientv3.LeaseID, error) {
	key := m.s.nodeKey(m.name)
	answer, err := m.s.read(ctx, clientv3.OpGet(key))
	if err != nil {
		return 0, err
	}
	mod := int64(0)
	if kvs := answer.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
		var other storedNode
		if err := decode(kvs[0], &other); err != nil {
			return 0, err
		}
		if other.ID != m.id {
			return 0, fmt.Errorf("the name %q belongs to another node, at %q, started %s: unless that node is this one before a restart, give this one another name",
				m.name, other.Address, other.Started.Format(time.RFC3339))
		}
		mod = kvs[0].ModRevision // ours, of a lease that we lost sight of
	}
	lease, err := m.s.grant(ctx, m.s.lease)
	if err != nil {
		return 0, err
	}
	put := clientv3.OpPut(key, encode(storedNode{format, m.id, n}), clientv3.WithLease(lease))
	answer, err = m.s.commit(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(key), "=", mod)}, []clientv3.Op{put}, nil)
	if err == nil && !answer.Succeeded {
		err = fmt.Errorf("another node took the name %q at the same time", m.name)
	}
	if err != nil {
		m.s.revoke(ctx, lease)
		return 0, err
	}
	return lease, nil
}

// write reports n, if the key is still the lease's.
func (m *membership) write(ctx context.Context, lease clientv3.LeaseID, n Node) (bool, error) {
	key := m.s.nodeKey(m.name)
	answer, err := m.s.commit(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.LeaseValue(key), "=", lease)},
		[]clientv3.Op{clientv3.OpPut(key, encode(storedNode{format, m.id, n}), clientv3.WithLease(lease))}, nil)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return false, nil
	}
	return err == nil && answer.Succeeded, err
}
