package shared_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/internal/redistest"
	"github.com/corsgate/corsgate/gateway/limit/shared"
	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/redis/go-redis/v9"
)

// patience bounds what should happen at once. It is never waited for in a test that passes.
const patience = time.Minute

func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

// A node is a store that runs until its test ends, with one limiter.
type node struct {
	*shared.Limiter
	store *shared.Store
	alone atomic.Int64

	mu      sync.Mutex
	why     []string       // limits are not shared
	told    int            // so many reasons were there when they were last seen shared
	results map[string]int // of calls
	events  map[string]int64
}

func newNode(t testing.TB, o shared.Options, period time.Duration, burst int) *node {
	n := &node{results: map[string]int{}, events: map[string]int64{}}
	if o.Network == "" {
		o.Network = "tcp"
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second // for machines that are busy
	}
	if o.Prefix == "" {
		o.Prefix = "corsgate:"
	}
	o.Called = func(keys int, result string) { n.mu.Lock(); n.results[result] += keys; n.mu.Unlock() }
	events := func(kind string) func(int64) {
		return func(k int64) { n.mu.Lock(); n.events[kind] += k; n.mu.Unlock() }
	}
	n.store = shared.NewStore(o)
	n.Limiter = n.store.Limiter("l", period, burst, shared.Hooks{Evicted: func() {}, Alone: func() { n.alone.Add(1) },
		Charged: events("charged"), Leased: events("leased"), Returned: events("returned")})
	n.store.Share([]*shared.Limiter{n.Limiter})
	var running sync.WaitGroup
	running.Go(func() {
		n.store.Run(func(shared bool, why error) {
			if !shared {
				n.mu.Lock()
				n.why = append(n.why, why.Error())
				n.mu.Unlock()
			}
		})
	})
	t.Cleanup(func() { n.store.Stop(patience); running.Wait() })
	return n
}

func (n *node) allow(key string) bool { return n.Allow([]byte(key), time.Now()).Allowed }

func (n *node) result(name string) int { n.mu.Lock(); defer n.mu.Unlock(); return n.results[name] }
func (n *node) counted() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.events["charged"] + n.events["leased"] - n.events["returned"]
}

func (n *node) shares(t testing.TB) {
	t.Helper()
	until(t, "limits are shared", n.store.Shared)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = len(n.why)
}

// falls waits until limits are not shared any longer, and returns why.
func (n *node) falls(t testing.TB) (why string) {
	t.Helper()
	until(t, "limits are not shared", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.why) > n.told { // it is told a moment after it is so
			why = n.why[len(n.why)-1]
		}
		return why != "" && !n.store.Shared()
	})
	return why
}

// acl is the least that a user needs.
const acl = "on >secret ~corsgate:* +hello +select +eval +evalsha +script|load +time +get +set +del"

// TestWhy: whatever is wrong with a server, the limits hold, and somebody is told why they are not shared.
func TestWhy(t *testing.T) {
	f := func(name, want string, o shared.Options, args ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t, args...)
			if o.Address == "" {
				o.Address = s.Address
			}
			o.Address = strings.Replace(o.Address, "name", strings.Replace(s.Address, "127.0.0.1", "localhost", 1), 1)
			n := newNode(t, o, time.Hour, 2)
			if want == "" {
				n.shares(t)
			} else if why := n.falls(t); !strings.Contains(why, want) {
				t.Errorf("it fails because of %q, want %q", why, want)
			}
			for i, allowed := range []bool{true, true, false, false} {
				if got := n.allow("k"); got != allowed {
					t.Errorf("event %d: %t", i, got)
				}
			}
			if alone := n.alone.Load(); (alone == 0) != (want == "") {
				t.Errorf("%d events are decided alone", alone)
			}
		})
	}
	user := append([]string{"--user", "corsgate"}, strings.Fields(acl)...)
	password := []string{"--requirepass", "secret"}
	f("nobody", "refused", shared.Options{Address: "127.0.0.1:1"})
	f("no password", "NOAUTH", shared.Options{}, password...)
	f("wrong password", "WRONGPASS", shared.Options{Password: "other"}, password...)
	f("password", "", shared.Options{Password: "secret"}, password...)
	f("user", "", shared.Options{Username: "corsgate", Password: "secret", Database: 3}, user...)
	f("user elsewhere", "NOPERM", shared.Options{Username: "corsgate", Password: "secret", Prefix: "other:"}, user...)
	f("no such database", "DB index", shared.Options{Database: 100})
	f("memory", "OOM", shared.Options{}, "--maxmemory", "1")
	f("replica", "READONLY", shared.Options{}, "--replicaof", "127.0.0.1", "1")
	f("name", "", shared.Options{Address: "name"})
}

// TestSockets: Redis is reached by a socket, and by TLS, which is verified.
func TestSockets(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	redistest.Start(t, "--unixsocket", socket)
	newNode(t, shared.Options{Network: "unix", Address: socket}, time.Hour, 1).shares(t)

	ca := pkitest.NewAuthority(t, "redis")
	dir := t.TempDir()
	server, client := ca.Issue(t, "localhost"), ca.Issue(t, "gateway")
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s := redistest.Start(t, "--port", "0", "--tls-port", "PORT", "--tls-ca-cert-file", file("ca.pem", ca.PEM),
		"--tls-cert-file", file("server.pem", server.Cert), "--tls-key-file", file("server.key", server.Key))
	pair, err := tls.X509KeyPair(client.Cert, client.Key)
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{RootCAs: ca.Pool, ServerName: "localhost", Certificates: []tls.Certificate{pair}}
	n := newNode(t, shared.Options{Address: s.Address, TLS: secure}, time.Hour, 1)
	n.shares(t)
	n.allow("k")
	until(t, "an event is counted", func() bool { return n.counted() == 1 })
	other := secure.Clone()
	other.ServerName = "elsewhere"
	if why := newNode(t, shared.Options{Address: s.Address, TLS: other}, time.Hour, 1).falls(t); !strings.Contains(why, "not elsewhere") {
		t.Errorf("another server's certificate: %s", why)
	}
	if why := newNode(t, shared.Options{Address: s.Address}, time.Hour, 1).falls(t); why == "" {
		t.Error("a server that wants TLS is spoken to without")
	}
}

// TestLeavesNothing: when a gateway stops, Redis has counted what has passed, and nothing else.
func TestLeavesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, address string) {
		passed := int64(0)
		t.Run("node", func(t *testing.T) {
			n := newNode(t, shared.Options{Address: address}, time.Hour, 1_000_000)
			n.shares(t)
			until(t, "there is a lease", func() bool {
				n.allow("k")
				passed++
				n.mu.Lock()
				defer n.mu.Unlock()
				return n.events["leased"] > 0
			})
			until(t, "no debt is left", func() bool { return n.counted() >= passed })
		})
		c, ctx := connect(t, address), context.Background()
		var ahead, last float64
		if _, err := fmt.Sscan(c.Get(ctx, c.Keys(ctx, "corsgate:l:*").Val()[0]).Val(), &ahead, &last); err != nil {
			t.Fatal(err)
		}
		if counted := math.Round(ahead / float64(time.Hour)); counted != float64(passed) {
			t.Errorf("%v are counted, %d have passed", counted, passed)
		}
	})
}

// TestScriptForgotten: Redis loses its scripts, and one key is somebody else's; neither keeps limits from being shared.
func TestScriptForgotten(t *testing.T) {
	redistest.Each(t, func(t *testing.T, address string) {
		n, c, ctx := newNode(t, shared.Options{Address: address}, time.Hour, 1000), connect(t, address), context.Background()
		n.shares(t)
		n.allow("a")
		until(t, "it is counted", func() bool { return n.counted() == 1 })
		keys := c.Keys(ctx, "corsgate:l:*").Val()
		if len(keys) != 1 || !strings.HasPrefix(keys[0], "corsgate:l:3600000000000/1000:") || strings.Contains(keys[0], "a:") {
			t.Fatalf("its key is %q", keys)
		}
		if err := c.ScriptFlush(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		n.allow("a")
		until(t, "it is counted after SCRIPT FLUSH", func() bool { return n.counted() == 2 })
		c.Del(ctx, keys[0])
		c.LPush(ctx, keys[0], "somebody's")
		n.allow("a")
		until(t, "an error is counted", func() bool { return n.result(shared.ResultError) > 0 })
		n.allow("b")
		until(t, "another key is counted", func() bool { return n.counted() == 3 })
		if !n.store.Shared() || len(n.why) > 0 || n.alone.Load() != 0 {
			t.Errorf("limits are not shared: %q", n.why)
		}
	})
}

// TestMended: what is wrong is put right while gateways run.
func TestMended(t *testing.T) {
	s := redistest.Start(t, "--maxmemory", "1")
	n := newNode(t, shared.Options{Address: s.Address}, time.Hour, 10)
	if why := n.falls(t); !strings.Contains(why, "OOM") {
		t.Fatalf("it fails because of %q", why)
	}
	c, ctx := connect(t, s.Address), context.Background()
	c.ConfigSet(ctx, "maxmemory", "0")
	n.shares(t)
	n.allow("k")
	until(t, "it is counted", func() bool { return n.counted() == 1 })
	c.ReplicaOf(ctx, "127.0.0.1", "1")
	for n.store.Shared() { // three calls
		n.allow("k")
		n.allow(fmt.Sprint(time.Now()))
		time.Sleep(time.Millisecond)
	}
	if why := n.falls(t); !strings.Contains(why, "READONLY") {
		t.Errorf("it fails because of %q", why)
	}
	c.ReplicaOf(ctx, "NO", "ONE")
	n.shares(t)
}

// TestGone: Redis is killed, is stopped, or busy with somebody's script. Nobody waits for it: the decisions of this test
// are made while nothing answers.
func TestGone(t *testing.T) {
	s := redistest.Start(t)
	n := newNode(t, shared.Options{Address: s.Address, Timeout: 50 * time.Millisecond}, time.Hour, 1_000_000)
	c, ctx := connect(t, s.Address), context.Background()
	f := func(what string, begin, end func()) {
		t.Helper()
		n.shares(t)
		n.allow("k")
		begin()
		var slowest time.Duration
		alone := n.alone.Load()
		for i := 0; n.store.Shared() || i < 1000; i++ {
			now := time.Now()
			n.Allow([]byte("k"), now)
			slowest = max(slowest, time.Since(now))
			if i%100 == 0 {
				time.Sleep(time.Millisecond)
			}
			if time.Since(now) > patience {
				t.Fatal("it is not noticed")
			}
		}
		for range 100 {
			if !n.allow("k") {
				t.Fatalf("%s: the limit is far, and an event is refused", what)
			}
		}
		t.Logf("%s: %s; the slowest decision took %v; %d were made alone", what, n.falls(t), slowest, n.alone.Load()-alone)
		if n.alone.Load() == alone {
			t.Errorf("%s: nothing is decided alone", what)
		}
		end()
		n.shares(t)
		before := n.counted()
		n.allow(fmt.Sprint("after ", what))
		until(t, "events are counted again", func() bool { return n.counted() > before })
	}
	f("stopped", s.Pause, s.Resume)
	f("killed", s.Kill, s.Restart)
	f("busy", func() {
		go connect(t, s.Address).Eval(ctx, "while true do end", nil)
		c.ConfigSet(ctx, "busy-reply-threshold", "10")
	}, func() {
		until(t, "the script ends", func() bool {
			err := c.ScriptKill(ctx).Err()
			return err == nil || redis.HasErrorPrefix(err, "NOTBUSY")
		})
	})
}

// TestConverge: after Redis has been away and has forgotten all, nodes enforce the limit together again.
func TestConverge(t *testing.T) {
	s := redistest.Start(t)
	var nodes []*node
	for range 3 {
		nodes = append(nodes, newNode(t, shared.Options{Address: s.Address}, time.Hour, 90))
	}
	all := func() (passed int) {
		for range 200 {
			for _, n := range nodes {
				if n.allow("k") {
					passed++
				}
				time.Sleep(10 * time.Microsecond)
			}
		}
		return passed
	}
	for _, n := range nodes {
		n.shares(t)
	}
	together := all()
	if most := 90 + int(shared.Bound(3, 90)); together < 90 || together > most {
		t.Errorf("%d pass, want 90 to %d", together, most)
	}
	s.Kill()
	for _, n := range nodes {
		for n.store.Shared() {
			n.allow(fmt.Sprint(time.Now().UnixNano()))
			time.Sleep(time.Millisecond)
		}
	}
	if alone := all(); alone > 3*90 {
		t.Errorf("%d pass without Redis, of 90 for each node", alone)
	}
	s.Restart()
	for _, n := range nodes {
		n.shares(t)
	}
	if again := all(); again > 3 {
		t.Errorf("%d pass although each node knows that the limit is reached", again)
	}
}
