//go:build unix

package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/listen"
)

// role is the environment variable by which a test tells its own binary, started as a successor, what to do.
const role = "CORSGATE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "serve":
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(4)
		}
	case "end":
		os.Exit(3)
	case "wait": // it never serves
		select {}
	}
}

// description is what a successor says about what it has inherited.
type description struct {
	Shared   bool
	Sockets  []string // key and address
	Variable string   // of the environment
	Activity string   // likewise, systemd's
}

// serve is the life of a successor that describes to one client, over the socket bound for "admin", what it has inherited.
func serve() error {
	h, err := Inherit("admin")
	if err != nil {
		return err
	}
	d := description{Shared: h.Shared(), Variable: os.Getenv(variable), Activity: os.Getenv("LISTEN_FDS")}
	for _, s := range h.Sockets() {
		d.Sockets = append(d.Sockets, s.Key+" "+s.Address)
	}
	var address string
	for _, s := range h.apart["admin"] {
		address = s.Address
	}
	group, err := h.Bind("admin", config.Address(address))
	if err != nil {
		return err
	}
	ln, err := group.Listener(0)
	if err != nil {
		return err
	}
	h.Serves()
	c, err := ln.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	return json.NewEncoder(c).Encode(d)
}

// bound returns a listening socket and its duplicate, to be handed over.
func bound(t *testing.T, key string) (net.Listener, listen.Socket) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	return ln, listen.Socket{Key: key, Address: ln.Addr().String(), File: f}
}

// upgrader returns an Upgrader that starts this test's binary in that role, and hands over sockets.
func upgrader(t *testing.T, as string, sockets ...listen.Socket) Upgrader {
	t.Helper()
	t.Setenv(role, as)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Upgrader{program, func() ([]listen.Socket, error) { return sockets, nil }, slog.New(slog.DiscardHandler)}
}

// TestHandOver: a successor has the sockets by key and address, accepts on them, and sees nothing of how they came.
func TestHandOver(t *testing.T) {
	t.Setenv("LISTEN_FDS", "2") // systemd's, for this process only
	_, public := bound(t, "listener.public")
	admin, second := bound(t, "admin")
	u := upgrader(t, "serve", public, second).Start()
	defer u.Cancel()
	if got := <-u.Result; got.Err != nil || got.PID == 0 || got.PID == os.Getpid() {
		t.Fatalf("got the outcome %+v, want another process", got)
	}
	// This process does not accept: what answers is the successor.
	c, err := net.Dial("tcp", admin.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"Shared":true,"Sockets":["listener.public %s"],"Variable":"","Activity":""}`, public.Address)
	if got := strings.TrimSpace(string(text)); got != want {
		t.Errorf("the successor has %s, want %s", got, want)
	}
	closed(t, public, second)
}

// closed holds that duplicates were closed.
func closed(t *testing.T, sockets ...listen.Socket) {
	t.Helper()
	for _, s := range sockets {
		if err := s.File.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the duplicate for %s was left open", s.Key)
		}
	}
}

// TestNotHandedOver: whatever keeps a successor from serving is said, and leaves nothing behind.
func TestNotHandedOver(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	late, end := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer end()
	f := func(ctx context.Context, as, want string) {
		t.Helper()
		_, socket := bound(t, "listener.public")
		r := upgrader(t, as, socket)
		pid, err := r.succeed(ctx)
		if got := fmt.Sprint(err); pid != 0 || !strings.Contains(got, want) {
			t.Errorf("role %q: got pid %d and the error %q, want 0 and %q", as, pid, got, want)
		}
		closed(t, socket)
	}
	f(t.Context(), "end", "ended before it served: exit status 3")
	f(stopped, "wait", "a stop was requested in the meantime")
	f(late, "wait", "did not serve within")

	_, socket := bound(t, "listener.public")
	r := upgrader(t, "serve", socket)
	r.program = filepath.Join(t.TempDir(), "corsgate")
	if _, err := r.succeed(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a program: got the error %v, want %v", err, os.ErrNotExist)
	}
	closed(t, socket)
	r.sockets = func() ([]listen.Socket, error) { return nil, os.ErrClosed }
	if _, err := r.succeed(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("without sockets: got the error %v, want %v", err, os.ErrClosed)
	}
}

// TestInherit: a process without a predecessor binds its sockets itself, and one with a variable of unknown content does
// not start.
func TestInherit(t *testing.T) {
	h, err := Inherit("admin")
	if err != nil || h.Shared() || len(h.Sockets()) > 0 {
		t.Fatalf("without a predecessor: got %+v, %v", h, err)
	}
	g, err := h.Bind("admin", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	h.Serves() // there is nobody to tell

	t.Setenv(variable, "1")
	if _, err := Inherit(); err == nil || !strings.Contains(err.Error(), variable+" is reserved for corsgate") {
		t.Errorf("with %s=1: got the error %v", variable, err)
	}
}

// TestBind: an inherited socket is for its key and address only. What nothing was bound to is closed as soon as the process
// serves, so that no client waits on it.
func TestBind(t *testing.T) {
	old, inherited := bound(t, "admin")
	h := &Inherited{apart: map[string][]listen.Socket{"admin": {inherited}}}
	for _, other := range []struct {
		key     string
		address string
	}{{"metrics", "127.0.0.1:0"}, {"admin", "127.0.0.1:0"}} {
		g, err := h.Bind(other.key, config.Address(other.address))
		if err != nil {
			t.Fatal(err)
		}
		if g.Addr().String() == old.Addr().String() {
			t.Errorf("Bind(%q, %q) has the socket of admin on %v", other.key, other.address, old.Addr())
		}
		g.Close()
	}
	h.Serves()
	closed(t, inherited)

	old, inherited = bound(t, "admin")
	h = &Inherited{apart: map[string][]listen.Socket{"admin": {inherited}}}
	g, err := h.Bind("admin", config.Address(old.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if g.Addr().String() != old.Addr().String() {
		t.Errorf("Bind has bound %v, want the inherited %v", g.Addr(), old.Addr())
	}
}

// TestEnvironment: a successor is not told what the service manager told this process.
func TestEnvironment(t *testing.T) {
	f := func(want []string, env ...string) {
		t.Helper()
		before := slices.Clone(env)
		if got := environment(env); !slices.Equal(got, want) {
			t.Errorf("environment(%q) = %q, want %q", env, got, want)
		}
		if !slices.Equal(env, before) {
			t.Errorf("environment has changed its argument to %q", env)
		}
	}
	f([]string{})
	f([]string{"A=1", "B=2"}, "A=1", "LISTEN_PID=7", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b", "WATCHDOG_PID=7", "B=2")
	f([]string{"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=1", "LISTEN_FDS_X=1", "LISTEN=1"},
		"NOTIFY_SOCKET=/run/n", "WATCHDOG_USEC=1", "LISTEN_FDS_X=1", "LISTEN=1", "LISTEN_PID")
}
