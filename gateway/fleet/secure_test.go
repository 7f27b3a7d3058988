package fleet_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
	"github.com/corsgate/corsgate/gateway/pkitest"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// guard sets up users and roles as deploy/fleet.md says, over TLS.
func guard(t *testing.T, tokenTTL uint) (*etcdtest.Cluster, *tls.Config, *clientv3.Client) {
	t.Helper()
	authority := pkitest.NewAuthority(t, "etcd's")
	certificate, key := authority.Issue(t, "127.0.0.1").Write(t, t.TempDir(), "etcd")
	c := etcdtest.Start(t, etcdtest.Options{Certificate: certificate, Key: key, TokenTTL: tokenTTL})
	secure := &tls.Config{RootCAs: authority.Pool}
	e, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), TLS: secure, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	ctx, read, write := t.Context(), clientv3.PermissionType(clientv3.PermRead), clientv3.PermissionType(clientv3.PermReadWrite)
	all := func(begin string) (string, string) { return begin, clientv3.GetPrefixRangeEnd(begin) }
	grant := func(role, begin string, permission clientv3.PermissionType) error {
		key, end := all(begin)
		_, err := e.RoleGrantPermission(ctx, role, key, end, permission)
		return err
	}
	for _, step := range []func() error{
		func() error { _, err := e.RoleAdd(ctx, "corsgate-node"); return err },
		func() error { return grant("corsgate-node", "/corsgate/test/", read) },
		func() error { return grant("corsgate-node", "/corsgate/test/nodes/", write) },
		func() error { _, err := e.RoleAdd(ctx, "corsgate-operator"); return err },
		func() error { return grant("corsgate-operator", "/corsgate/test/", write) },
		func() error { _, err := e.UserAdd(ctx, "node", "n"); return err },
		func() error { _, err := e.UserGrantRole(ctx, "node", "corsgate-node"); return err },
		func() error { _, err := e.UserAdd(ctx, "operator", "o"); return err },
		func() error { _, err := e.UserGrantRole(ctx, "operator", "corsgate-operator"); return err },
		func() error { _, err := e.UserAdd(ctx, "root", "r"); return err },
		func() error { _, err := e.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := e.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return c, secure, e
}

// TestRoles: with no more rights than are documented nodes follow and report, and operators push and roll out; nodes do
// not push, and without the password, or without the certificate's authority, nobody does anything.
func TestRoles(t *testing.T) {
	c, secure, _ := guard(t, 0)
	options := fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "node", Password: "n"}
	nodes := openWith(t, options)
	a, b := join(t, nodes, "a"), join(t, nodes, "b")
	asOperator := options
	asOperator.Username, asOperator.Password = "operator", "o"
	s := openWith(t, asOperator)
	push(t, s, "one", 0)
	run(t, 1, a, b)
	for _, name := range []string{"a", "b"} {
		reported(t, s, name, "1", func(n fleet.Node) bool { return n.Applied == 1 })
	}
	if _, err := s.RollOut(t.Context(), fleet.Revision{Text: "two"}, 1, fleet.Plan{Share: 0.5, Hold: 100 * time.Millisecond}, nil); err != nil {
		t.Fatal(err)
	}
	run(t, 2, a, b)
	if log, err := s.Log(t.Context(), 10); err != nil || len(log) != 2 {
		t.Errorf("the operator's log: %v, %v", log, err)
	}

	f := func(who string, o fleet.Options, want string) {
		t.Helper()
		s := openWith(t, o)
		s.Impatient()
		if _, err := s.Push(t.Context(), fleet.Revision{Text: "three"}, 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a push of %s: %v, want %q", who, err, want)
		}
	}
	f("a node", options, "permission denied")
	o := options
	o.Password = "wrong"
	f("who has a wrong password", o, "invalid user ID or password")
	o = options
	o.Username, o.Password = "", ""
	f("nobody", o, "user name is empty")
	o = options
	o.TLS = &tls.Config{}
	f("who does not know the authority", o, "x509: ")
	b.leave() // a node may end its own lease
	if all, err := s.Nodes(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("after one left: %v, %v", all, err)
	}
}

// TestTokenExpiry: what etcd gives for a password does not last, and nobody notices.
func TestTokenExpiry(t *testing.T) {
	c, secure, _ := guard(t, 1)
	a := join(t, openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "node", Password: "n"}), "a")
	s := openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "operator", Password: "o"})
	for i := range int64(3) {
		push(t, s, "text", i)
		run(t, i+1, a)
		reported(t, s, "a", "it", func(n fleet.Node) bool { return n.Applied == i+1 })
		time.Sleep(2500 * time.Millisecond) // etcd has no other clock
	}
	if got := a.history(); len(got) != 3 {
		t.Errorf("it applied %v", got)
	}
}

// TestSecureLate: a password does not need etcd to be up, either.
func TestSecureLate(t *testing.T) {
	c, secure, _ := guard(t, 0)
	s := openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "operator", Password: "o"})
	push(t, s, "one", 0)
	c.Kill(0)
	a := join(t, openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "node", Password: "n"}), "a")
	time.Sleep(time.Second)
	c.Restart(0)
	run(t, 1, a)
}
