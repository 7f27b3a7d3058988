//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
	"github.com/corsgate/corsgate/gateway/pkitest"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// A fleetOf is a fleet of child processes, and its etcd.
type fleetOf struct {
	t    *testing.T
	etcd *etcdtest.Cluster
	dir  string
	how  string // lines of [fleet] that say how to speak with etcd
}

func newFleetOf(t *testing.T, members int) *fleetOf {
	t.Helper()
	return &fleetOf{t: t, etcd: etcdtest.Start(t, etcdtest.Options{Members: members}), dir: t.TempDir()}
}

// own writes the file of a gateway, in a directory of its own, and returns its path.
func (f *fleetOf) own(name, more string) string {
	f.t.Helper()
	dir := filepath.Join(f.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	path := filepath.Join(dir, "corsgate.toml")
	etcd, err := json.Marshal(f.etcd.Endpoints())
	if err != nil {
		f.t.Fatal(err)
	}
	rewrite(f.t, path, fmt.Sprintf("%s[fleet]\nname = %q\nstate = \"state\"\nfiles = \".\"\nprefix = \"/corsgate/test/\"\nstart_timeout = \"2s\"\netcd = %s\n%s%s", loopback, name, etcd, f.how, more))
	return path
}

// start starts a gateway for which there is a revision, and returns when it listens.
func (f *fleetOf) start(name string) *child {
	f.t.Helper()
	return spawn(f.t, f.own(name, ""))
}

// run runs a command of the fleet.
func (f *fleetOf) run(args ...string) (status int, stdout, stderr string) {
	f.t.Helper()
	return command(append(append([]string{"fleet", args[0]}, "--config", f.own("pusher", ""), "--author=alice@test"), args[1:]...)...)
}

// ask runs a command that changes nothing.
func (f *fleetOf) ask(args ...string) (status int, stdout, stderr string) {
	f.t.Helper()
	return command(append(append([]string{"fleet", args[0]}, "--config", f.own("pusher", "")), args[1:]...)...)
}

// push pushes a text, and wants the given exit status and a part of what is said.
func (f *fleetOf) push(text string, status int, part string, flags ...string) {
	f.t.Helper()
	file := write(f.t, text)
	got, stdout, stderr := f.run(append([]string{"push", file}, flags...)...)
	if got != status || !strings.Contains(stdout+stderr, part) {
		f.t.Fatalf("push %v: exit status %d, want %d and %q:\n%s%s", flags, got, status, part, stdout, stderr)
	}
}

// store opens the fleet's store.
func (f *fleetOf) store() *fleet.Store {
	f.t.Helper()
	s, err := fleet.Open(fleet.Options{Endpoints: f.etcd.Endpoints(), Prefix: "/corsgate/test/"})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { s.Close() })
	return s
}

// until waits until what is so, and returns after how long.
func until(t *testing.T, what string, is func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > time.Minute {
			t.Fatalf("in a minute it was not so that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(began)
}

// says reports whether a gateway answers with body.
func (c *child) says(body string) bool {
	c.t.Helper()
	_, got := c.fetch("GET", c.gateway+"/here")
	return got == body
}

func (c *child) stop() {
	c.t.Helper()
	c.signal(syscall.SIGTERM)
	c.ends(0)
}

const respondHere = "[route.here]\npath = \"/here\"\nrespond = { body = %q }\n"

func saysHere(body string) string { return fmt.Sprintf(respondHere, body) }

// TestFleetUnderLoad: a push reaches five gateways under load, and another does while etcd has lost its leader; no request
// fails.
func TestFleetUnderLoad(t *testing.T) {
	f := newFleetOf(t, 3)
	up := newUp(t)
	f.push(rushed(up, "one"), 0, "revision 1 is live")
	var nodes []*child
	var rushes []*rush
	for i := range 5 {
		c := f.start(fmt.Sprint("gate-", i))
		nodes = append(nodes, c)
		rushes = append(rushes, newRush(t, c.gateway, 1))
	}
	all := func(body string) func() bool {
		return func() bool {
			for _, c := range nodes {
				if !c.says(body) {
					return false
				}
			}
			return true
		}
	}
	until(t, "five gateways report", func() bool {
		_, out, _ := f.ask("status")
		return strings.Count(out, "gate-") == 5
	})
	f.push(rushed(up, "two"), 0, "revision 2 is live")
	t.Logf("all five answer from the new revision %v after the push returned", until(t, "all are on revision 2", all("two")))
	f.etcd.Kill(f.etcd.Leader())
	began := time.Now()
	f.push(rushed(up, "three"), 0, "revision 3 is live")
	until(t, "all are on revision 3", all("three"))
	t.Logf("with etcd's leader killed just before, %v after the push began", time.Since(began))
	until(t, "status says so", func() bool { status, _, _ := f.ask("status"); return status == 0 })
	for _, r := range rushes {
		r.ends(200)
	}
	for _, c := range nodes {
		c.stop()
	}
}

// TestFleetWithoutEtcd: a gateway starts with what it keeps on disk, obeys SIGHUP, refuses what is damaged, and then
// waits, alive and not ready, until etcd is there.
func TestFleetWithoutEtcd(t *testing.T) {
	f := newFleetOf(t, 1)
	f.push("# a comment\n"+saysHere("one"), 0, "revision 1 is live")
	c := f.start("a")
	c.want("GET", c.gateway+"/here", 200, "one")
	c.want("GET", c.admin+"/config", 200, `"revision": "revision 1"`)
	c.stop()
	f.etcd.Kill(0)

	c = f.start("a")
	c.want("GET", c.gateway+"/here", 200, "one")
	c.want("GET", c.admin+"/readyz", 200, "ready")
	c.want("GET", c.admin+"/metrics", 200, "corsgate_fleet_revision 1")
	c.want("GET", c.admin+"/metrics", 200, "corsgate_fleet_kept_revision 1")
	own := f.own("a", "[listener.more]\naddress = \"127.0.0.1:0\"\n")
	c.signal(syscall.SIGHUP)
	c.await("configuration reloaded")
	c.want("GET", c.admin+"/config", 200, `"more"`)
	c.want("GET", c.gateway+"/here", 200, "one")
	f.own("a", "[route.mine]\n")
	c.want("POST", c.admin+"/reload", 422, own+":12: route: with [fleet] this belongs in the shared configuration")
	f.own("a", "name = \"b\"\n")
	c.want("POST", c.admin+"/reload", 422, own)
	c.want("GET", c.gateway+"/here", 200, "one")
	if status, out, _ := command("explain", "--config", f.own("a", ""), "--origin=https://a.example", "https://b.example/here"); status != 1 || !strings.Contains(out, "revision 1:2") {
		t.Errorf("explain: %d\n%s", status, out)
	}
	c.stop()
	if status, _, stderr := f.ask("status"); status != 1 || !strings.Contains(stderr, "does not answer") {
		t.Errorf("status without etcd: %d %s", status, stderr)
	}

	state := filepath.Join(f.dir, "a", "state", "fleet.a.toml")
	text, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, state, strings.Replace(string(text), "one", "own", 1))
	c = begin(t, f.own("a", ""))
	if r := c.await("the copy on disk is not used"); !strings.Contains(r.Error, "is damaged") {
		t.Errorf("a damaged file: %q", r.Error)
	}
	c.await("waiting for a first revision: until then this gateway is not ready and serves only the admin listener")
	c.admin = "http://" + c.await("listening").Address
	c.want("GET", c.admin+"/healthz", 200, "ok")
	c.want("GET", c.admin+"/readyz", 503, "not ready")
	f.etcd.Restart(0)
	c.gateway = "http://" + c.await("listening").Address
	c.want("GET", c.gateway+"/here", 200, "one")
	c.want("GET", c.admin+"/readyz", 200, "ready")
	until(t, "the file is whole again", func() bool {
		now, err := os.ReadFile(state)
		return err == nil && string(now) == string(text)
	})
	c.stop()
}

// TestFleetWaiting: who waits for a first revision stops when told to, and is asked in vain for a binary of another version.
func TestFleetWaiting(t *testing.T) {
	f := newFleetOf(t, 1)
	c := begin(t, f.own("a", ""))
	c.await("waiting for a first revision: until then this gateway is not ready and serves only the admin listener")
	c.admin = "http://" + c.await("listening").Address
	if status, out, _ := f.ask("status"); status != 1 || !strings.Contains(out, "no revision has been pushed yet") {
		t.Errorf("status %d: %s", status, out)
	}
	c.want("POST", c.admin+"/reload", 200, "reloaded")
	c.want("GET", c.admin+"/readyz", 503, "not ready")
	c.stop()
}

// TestFleetBadRevision: a revision that came past all checks changes nothing, and everybody who asks is told.
func TestFleetBadRevision(t *testing.T) {
	f := newFleetOf(t, 1)
	f.push(saysHere("one"), 0, "revision 1 is live")
	c := f.start("a")
	if _, err := f.store().Push(t.Context(), fleet.Revision{Text: saysHere("two") + "[log]\nlevel = \"debug\"\n", Author: "mallory"}, 1); err != nil {
		t.Fatal(err)
	}
	if r := c.await("revision 2 not taken over"); !strings.HasPrefix(r.Error, "revision 2:4: log: this belongs in each gateway's own file") {
		t.Errorf("logged %q", r.Error)
	}
	c.want("GET", c.gateway+"/here", 200, "one")
	c.want("GET", c.admin+"/config", 200, `"revision": "revision 1"`)
	c.want("GET", c.admin+"/status", 200, `"reload_error": "revision 2:4: log: `)
	c.want("GET", c.admin+"/metrics", 200, "corsgate_fleet_wanted_revision 2")
	c.want("GET", c.admin+"/metrics", 200, "corsgate_fleet_revision 1")
	until(t, "status tells", func() bool {
		status, out, _ := f.ask("status")
		return status == 1 && strings.Contains(out, "1, not 2") && strings.Contains(out, "a: revision 2:4: log: ")
	})
	// What is live does not compile: a push says what it can.
	f.push(saysHere("three"), 0, "the effect on pages is not known")
	until(t, "the gateway goes on", func() bool { return c.says("three") })
	until(t, "status is well", func() bool { status, _, _ := f.ask("status"); return status == 0 })
	c.want("GET", c.admin+"/metrics", 200, "corsgate_config_last_reload_successful 1")
	c.stop()
}

// TestFleetCanary: a revision under which requests fail, or that a gateway cannot take over, goes back by itself; a good
// one goes live.
func TestFleetCanary(t *testing.T) {
	f := newFleetOf(t, 1)
	f.push(saysHere("one"), 0, "revision 1 is live")
	a, b := f.start("a"), f.start("b")
	until(t, "both report", func() bool {
		status, out, _ := f.ask("status")
		return status == 0 && strings.Count(out, "127.0.0.1:") == 2
	})

	ctx, cancel := context.WithCancel(t.Context())
	load := make(chan struct{})
	go func() {
		defer close(load)
		for ctx.Err() == nil {
			a.fetch("GET", a.gateway+"/here")
			time.Sleep(2 * time.Millisecond)
		}
	}()
	f.push("[route.here]\npath = \"/here\"\nrespond = { status = 500 }\n", 1, "are answered with 5xx", "--canary", "a", "--hold", "1m")
	until(t, "a is back", func() bool { return a.says("one") })
	if !b.says("one") {
		t.Error("the revision came to who was not to try it")
	}
	cancel()
	<-load
	until(t, "status is well", func() bool { status, _, _ := f.ask("status"); return status == 0 })

	// Who pushes has the file; b does not.
	origins := filepath.Join(f.dir, "pusher", "origins.txt")
	rewrite(t, origins, "https://app.example.com\n")
	f.push("[cors.app]\norigins_file = \"origins.txt\"\n[route.here]\ncors = \"app\"\nrespond = { body = \"never\" }\n", 1, "origins.txt", "--canary", "b", "--hold", "1m")
	until(t, "status is well again", func() bool { status, _, _ := f.ask("status"); return status == 0 })
	b.want("GET", b.admin+"/status", 200, `"reload_error": ""`)

	f.push(saysHere("two"), 0, "is live", "--canary", "50%", "--hold", "1s")
	until(t, "all go on", func() bool { return a.says("two") && b.says("two") })
	if _, out, _ := f.ask("log"); strings.Count(out, "(never live)") != 2 || !strings.Contains(out, "alice@test") {
		t.Errorf("log:\n%s", out)
	}
	a.stop()
	b.stop()
}

// TestFleetInterrupted: whoever stops a push while gateways try it sends them back.
func TestFleetInterrupted(t *testing.T) {
	f := newFleetOf(t, 1)
	f.push(saysHere("one"), 0, "revision 1 is live")
	a := f.start("a")
	until(t, "it reports", func() bool { status, out, _ := f.ask("status"); return status == 0 && strings.Contains(out, "\na ") })
	push := exec.CommandContext(t.Context(), os.Args[0], "fleet", "push", "--config", f.own("pusher", ""), "--canary=a", "--hold=1h", write(t, saysHere("two")))
	push.Env = append(os.Environ(), asCorsgate+"=1")
	var stderr strings.Builder
	push.Stderr = &stderr
	stdout, err := push.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan() && !strings.Contains(lines.Text(), "holding"); {
	}
	if !a.says("two") {
		t.Error("the gateway does not try it")
	}
	if err := push.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, stdout) // it ends
	push.Wait()                 // the status tells
	if got := push.ProcessState.ExitCode(); got != 1 || !strings.Contains(stderr.String(), "not pushed: a signal came first") {
		t.Errorf("exit status %d, want 1: %s", got, stderr.String())
	}
	until(t, "the gateway goes back", func() bool { return a.says("one") })
	a.stop()
}

// TestFleetSecure: over TLS, with a password, and not without.
func TestFleetSecure(t *testing.T) {
	dir := t.TempDir()
	authority := pkitest.NewAuthority(t, "etcd")
	cert, key := authority.Issue(t, "127.0.0.1").Write(t, dir, "etcd")
	f := &fleetOf{t: t, etcd: etcdtest.Start(t, etcdtest.Options{Certificate: cert, Key: key}), dir: t.TempDir()}
	ca, stranger, password := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "stranger.pem"), filepath.Join(dir, "password")
	pkitest.Replace(t, ca, authority.PEM)
	pkitest.Replace(t, stranger, pkitest.NewAuthority(t, "stranger").PEM)
	pkitest.Replace(t, password, []byte("secret\n"))

	c, err := clientv3.New(clientv3.Config{Endpoints: f.etcd.Endpoints(), TLS: &tls.Config{RootCAs: authority.Pool}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(c.UserAdd(ctx, "root", "root"))
	do(c.UserGrantRole(ctx, "root", "root"))
	do(c.RoleAdd(ctx, "gateway"))
	do(c.RoleGrantPermission(ctx, "gateway", "/corsgate/test/", "/corsgate/test0", clientv3.PermissionType(clientv3.PermReadWrite)))
	do(c.UserAdd(ctx, "gateway", "secret"))
	do(c.UserGrantRole(ctx, "gateway", "gateway"))
	do(c.AuthEnable(ctx))

	f.how = fmt.Sprintf("tls_ca = %q\n", stranger)
	f.push(saysHere("one"), 1, "signed by unknown authority")
	f.how = fmt.Sprintf("tls_ca = %q\n", ca)
	f.push(saysHere("one"), 1, "user name is empty")
	f.how += fmt.Sprintf("username = \"gateway\"\npassword_file = %q\n", password)
	f.push(saysHere("one"), 0, "revision 1 is live")
	g := f.start("a")
	f.push(saysHere("two"), 0, "revision 2 is live")
	until(t, "the gateway takes it over", func() bool { return g.says("two") })
	if _, text := g.fetch("GET", g.admin+"/config"); strings.Contains(text, "secret") || !strings.Contains(text, `"password_file"`) {
		t.Errorf("/config: %s", text)
	}
	g.stop()
	pkitest.Replace(t, password, []byte("\n"))
	f.push(saysHere("three"), 2, "fleet.password_file: "+password+" is empty")
}

// TestFleetUpgrade: the successor of a gateway is the same member of its fleet.
func TestFleetUpgrade(t *testing.T) {
	f := newFleetOf(t, 1)
	f.push(saysHere("one"), 0, "revision 1 is live")
	c := begun(t, os.Args[0], nil, "serve", "--config", f.own("a", ""))
	c.listens()
	c.signal(syscall.SIGUSR2)
	pid := c.await(takenOver).Pid
	defer syscall.Kill(pid, syscall.SIGKILL) // it has ended by then, or should
	f.push(saysHere("two"), 0, "revision 2 is live")
	until(t, "the successor takes over a revision", func() bool { return c.says("two") })
	until(t, "the successor has the name", func() bool {
		status, out, _ := f.ask("status")
		return status == 0 && strings.Contains(out, "\na ")
	})
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "nobody is left", func() bool { _, out, _ := f.ask("status"); return strings.Contains(out, "no gateway is alive") })
}
