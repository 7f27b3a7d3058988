package fleet_test

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/tooltest"
)

// TestInstalledEtcd: the etcd of the distribution will do, and so will its proxy for many nodes.
func TestInstalledEtcd(t *testing.T) {
	program := tooltest.Find(t, "etcd")
	start := func(endpoint string, args ...string) {
		t.Helper()
		p := exec.Command(program, args...)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
		until(t, "it listens", func() bool {
			c, err := net.DialTimeout("tcp", endpoint, time.Second)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
	member, peer, proxy := free(t), free(t), free(t)
	start(member, "--data-dir", t.TempDir(), "--listen-client-urls", "http://"+member, "--advertise-client-urls", "http://"+member,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer, "--initial-cluster", "default=http://"+peer)
	start(proxy, "grpc-proxy", "start", "--endpoints", member, "--listen-addr", proxy)

	s := open(t, "http://"+member)
	near, far := join(t, s, "near"), join(t, open(t, "http://"+proxy), "far")
	for i := range int64(3) {
		push(t, s, "text", i)
		run(t, i+1, near, far)
		for _, g := range []*gateway{near, far} {
			reported(t, s, g.name, "it", func(n fleet.Node) bool { return n.Applied == i+1 && n.Ready })
		}
	}
	if _, err := s.RollOut(t.Context(), fleet.Revision{Text: "tried"}, 3, fleet.Plan{Nodes: []string{"far"}, Hold: 500 * time.Millisecond}, nil); err != nil {
		t.Fatal(err)
	}
	run(t, 4, near, far)
	time.Sleep(2 * 3 * time.Second) // leases would have ended
	if all, err := s.Nodes(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("after two leases: %v, %v", all, err)
	}
}

// free returns an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
