package fleet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// crew joins five nodes, each with connections of its own, to a cluster of three, and pushes a first revision.
func crew(t *testing.T) (*etcdtest.Cluster, *fleet.Store, []*gateway) {
	t.Helper()
	c := etcdtest.Start(t, etcdtest.Options{Members: 3})
	var all []*gateway
	for i := range 5 {
		all = append(all, join(t, open(t, c.Endpoints()...), fmt.Sprint("edge", i)))
	}
	s := open(t, c.Endpoints()...)
	push(t, s, "one", 0)
	run(t, 1, all...)
	return c, s, all
}

// TestLeaderKilled: a push is made, and reaches all, without the member that led.
func TestLeaderKilled(t *testing.T) {
	c, s, all := crew(t)
	leader := c.Leader()
	c.Kill(leader)
	push(t, s, "two", 1)
	run(t, 2, all...)
	c.Restart(leader)
	push(t, s, "three", 2)
	run(t, 3, all...)
	for _, g := range all {
		reported(t, s, g.name, "3", func(n fleet.Node) bool { return n.Applied == 3 && n.Error == "" })
	}
}

// TestMemberPaused: a member that keeps its connections and says nothing is noticed, be it the leader or not.
func TestMemberPaused(t *testing.T) {
	if testing.Short() {
		t.Skip("grpc notices after 13 s")
	}
	c, s, all := crew(t)
	leader := c.Leader()
	for i, member := range []int{leader, (leader + 1) % 3} {
		c.Pause(member)
		push(t, s, fmt.Sprint("text ", i), int64(i+1))
		run(t, int64(i+2), all...)
		for _, g := range all {
			reported(t, s, g.name, "it", func(n fleet.Node) bool { return n.Applied == int64(i+2) })
		}
		c.Resume(member)
	}
}

// TestEtcdGone: without etcd nodes run what they ran, and when it is back they are, too. A store can be opened meanwhile.
func TestEtcdGone(t *testing.T) {
	c := etcdtest.Start(t, etcdtest.Options{})
	s := open(t, c.Endpoints()...)
	a := join(t, s, "a")
	push(t, s, "one", 0)
	run(t, 1, a)
	c.Kill(0)
	late := join(t, open(t, c.Endpoints()...), "late")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := s.Push(ctx, fleet.Revision{Text: "two"}, 1); err == nil {
		t.Error("a push without etcd succeeded")
	}
	if got := a.history(); len(got) != 1 {
		t.Errorf("without etcd a node applied %v", got)
	}
	c.Restart(0)
	run(t, 1, late)
	push(t, s, "two", 1)
	run(t, 2, a, late)
	for _, g := range []*gateway{a, late} {
		reported(t, s, g.name, "2", func(n fleet.Node) bool { return n.Applied == 2 })
	}
}

// TestPartition: a node that etcd does not hear goes on, is not listed, and catches up; what it missed may be compacted.
func TestPartition(t *testing.T) {
	for name, fail := range map[string]func(*etcdtest.Proxy){"cut": (*etcdtest.Proxy).Cut, "silent": (*etcdtest.Proxy).Silence} {
		t.Run(name, func(t *testing.T) {
			c := etcdtest.Start(t, etcdtest.Options{})
			s := open(t, c.Endpoints()...)
			wire := etcdtest.StartProxy(t, c.Endpoints()[0])
			near, far := join(t, s, "near"), join(t, open(t, wire.Endpoint()), "far")
			push(t, s, "one", 0)
			run(t, 1, near, far)
			reported(t, s, "far", "1", func(n fleet.Node) bool { return n.Applied == 1 })
			fail(wire)
			push(t, s, "two", 1)
			run(t, 2, near)
			until(t, "the node that is away is not listed", func() bool {
				all, err := s.Nodes(t.Context())
				return err == nil && len(all) == 1
			})
			push(t, s, "three", 2)
			compact(t, c)
			if got := far.runs(); got != 1 {
				t.Errorf("the node that is away runs revision %d", got)
			}
			wire.Heal()
			run(t, 3, near, far)
			reported(t, s, "far", "3", func(n fleet.Node) bool { return n.Applied == 3 })
		})
	}
}

// client returns a client of etcd itself.
func client(t testing.TB, c *etcdtest.Cluster) *clientv3.Client {
	t.Helper()
	e, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// compact lets etcd forget all that is not current.
func compact(t testing.TB, c *etcdtest.Cluster) {
	t.Helper()
	e := client(t, c)
	now, err := e.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compact(t.Context(), now.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
}

// TestAnswerLost: a push that etcd made, and whose answer does not arrive, is made once.
func TestAnswerLost(t *testing.T) {
	c := etcdtest.Start(t, etcdtest.Options{})
	direct := open(t, c.Endpoints()...)
	wire := etcdtest.StartProxy(t, c.Endpoints()[0])
	s := open(t, wire.Endpoint())
	push(t, s, "one", 0)
	pushed := make(chan error, 1)
	watch := client(t, c).Watch(t.Context(), "/corsgate/test/live")
	wire.Slow()
	go func() {
		r, err := s.Push(t.Context(), fleet.Revision{Text: "two"}, 1)
		if err == nil && r.Number != 2 {
			err = fmt.Errorf("revision %d", r.Number)
		}
		pushed <- err
	}()
	<-watch
	wire.Cut()
	wire.Heal()
	if err := <-pushed; err != nil {
		t.Error(err)
	}
	if all, err := direct.Log(t.Context(), 10); err != nil || len(all) != 2 {
		t.Errorf("the log: %v, %v", all, err)
	}
}

// TestRestored: etcd is what it was earlier, and other texts have the numbers that nodes know.
func TestRestored(t *testing.T) {
	dir := t.TempDir()
	c := etcdtest.Start(t, etcdtest.Options{Dir: dir})
	s := open(t, c.Endpoints()...)
	s.Reread(500 * time.Millisecond)
	a := join(t, s, "a")
	for i := range int64(5) {
		push(t, s, fmt.Sprint("text ", i), i)
	}
	run(t, 5, a)
	c.Kill(0)
	if err := os.RemoveAll(filepath.Join(dir, "etcd0")); err != nil {
		t.Fatal(err)
	}
	c.Restart(0)
	other := open(t, c.Endpoints()...)
	for i := range int64(5) {
		push(t, other, fmt.Sprint("other ", i), i)
	}
	until(t, "the node runs the other text", func() bool { return a.text() == "other 4" })
	reported(t, other, "a", "5", func(n fleet.Node) bool { return n.Applied == 5 && n.Error == "" })
}
