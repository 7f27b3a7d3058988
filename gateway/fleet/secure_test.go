package fleet_test

import (
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/corsgate/corsgate/gateway/tooltest"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// safe starts etcd with TLS.
func safe(t *testing.T, tokenTTL uint) (c *etcdtest.Cluster, secure *tls.Config, authority string) {
	t.Helper()
	a := pkitest.NewAuthority(t, "etcd's")
	dir := t.TempDir()
	certificate, key := a.Issue(t, "127.0.0.1").Write(t, dir, "etcd")
	authority = filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(authority, a.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	c = etcdtest.Start(t, etcdtest.Options{Certificate: certificate, Key: key, TokenTTL: tokenTTL})
	return c, &tls.Config{RootCAs: a.Pool}, authority
}

// guard is safe with users and roles.
func guard(t *testing.T, tokenTTL uint) (*etcdtest.Cluster, *tls.Config) {
	t.Helper()
	c, secure, _ := safe(t, tokenTTL)
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
		func() error { return grant("corsgate-node", "/corsgate/test/seen/", write) },
		func() error { _, err := e.RoleAdd(ctx, "corsgate-operator"); return err },
		func() error { return grant("corsgate-operator", "/corsgate/test/", write) },
		func() error { _, err := e.UserAdd(ctx, "corsgate-node", "n"); return err },
		func() error { _, err := e.UserGrantRole(ctx, "corsgate-node", "corsgate-node"); return err },
		func() error { _, err := e.UserAdd(ctx, "corsgate-operator", "o"); return err },
		func() error { _, err := e.UserGrantRole(ctx, "corsgate-operator", "corsgate-operator"); return err },
		func() error { _, err := e.UserAdd(ctx, "root", "r"); return err },
		func() error { _, err := e.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := e.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return c, secure
}

// TestRoles: with no more rights than are documented nodes follow and report, and operators push and roll out; nodes do
// not push, and without the password, or without the certificate's authority, nobody does anything.
func TestRoles(t *testing.T) {
	c, secure := guard(t, 0)
	rights(t, c, secure)
}

// TestDocumentedRoles is TestRoles with the commands of deploy/fleet-etcd.md.
func TestDocumentedRoles(t *testing.T) {
	etcdctl := tooltest.Find(t, "etcdctl")
	page, err := os.ReadFile("../../deploy/fleet-etcd.md")
	if err != nil {
		t.Fatal(err)
	}
	c, secure, authority := safe(t, 0)
	commands := 0
	for line := range strings.Lines(string(page)) {
		command, ok := strings.CutPrefix(line, "    etcdctl ")
		if !ok || strings.HasPrefix(command, "snapshot") {
			continue
		}
		commands++
		command = strings.ReplaceAll(command, "/corsgate/production/", "/corsgate/test/")
		sh := exec.Command("sh", "-c", etcdctl+" "+command)
		sh.Env = append(os.Environ(), "ETCDCTL_API=3", "ETCDCTL_ENDPOINTS="+c.Endpoints()[0], "ETCDCTL_CACERT="+authority,
			"NODE_PASSWORD=n", "OPERATOR_PASSWORD=o", "ROOT_PASSWORD=r")
		if out, err := sh.CombinedOutput(); err != nil {
			t.Fatalf("etcdctl %s: %v\n%s", command, err, out)
		}
	}
	if commands < 10 {
		t.Fatalf("%d commands in deploy/fleet-etcd.md", commands)
	}
	rights(t, c, secure)
}

// rights tries what nodes and operators may do, and what they may not.
func rights(t *testing.T, c *etcdtest.Cluster, secure *tls.Config) {
	t.Helper()
	options := fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "corsgate-node", Password: "n"}
	nodes := openWith(t, options)
	a, b := join(t, nodes, "a"), join(t, nodes, "b")
	asOperator := options
	asOperator.Username, asOperator.Password = "corsgate-operator", "o"
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
	if err := nodes.See(t.Context(), "a", "much"); err != nil {
		t.Error(err)
	}
	if seen, err := s.Seen(t.Context()); err != nil || len(seen) != 1 {
		t.Errorf("what nodes have seen: %v, %v", seen, err)
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
	c, secure := guard(t, 1)
	a := join(t, openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "corsgate-node", Password: "n"}), "a")
	s := openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "corsgate-operator", Password: "o"})
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
	c, secure := guard(t, 0)
	s := openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "corsgate-operator", Password: "o"})
	push(t, s, "one", 0)
	c.Kill(0)
	a := join(t, openWith(t, fleet.Options{Endpoints: c.Endpoints(), TLS: secure, Username: "corsgate-node", Password: "n"}), "a")
	time.Sleep(time.Second)
	c.Restart(0)
	run(t, 1, a)
}
