package ratelimit

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/wire"
)

var begin = time.Unix(1_800_000_000, 0)

// list compiles limits, and returns those with some names.
func list(t testing.TB, text string, names ...string) List {
	t.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte(text+"\n[route.a]\nrespond = {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, problems := Compile(cfg, nil, metrics.New(), begin)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s.List(names)
}

func subject(t testing.TB, client string, i *auth.Identity, fields ...string) *Subject {
	t.Helper()
	r := new(wire.Request)
	head := "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
	if n, fault := r.Parse([]byte(head), wire.Limits{HeadBytes: 4096, Fields: 10}); n == 0 || fault != nil {
		t.Fatal(fault)
	}
	return &Subject{Request: r, Client: netip.MustParseAddr(client), Route: []byte("a"), Identity: i, Now: begin}
}

// TestList: what one limit refuses costs the others nothing.
func TestList(t *testing.T) {
	l := list(t, "[limit.each]\nrate = \"2/h\"\n[limit.all]\nrate = \"5/h\"\nkey = \"route\"", "each", "all")
	one, other, third := subject(t, "192.0.2.1", nil), subject(t, "192.0.2.2", nil), subject(t, "192.0.2.3", nil)
	f := func(q *Subject, want bool, by string, remaining int64) {
		t.Helper()
		r := l.Admit(q)
		if r.Allowed != want || r.Limit.Config.Name != by || want && r.Remaining != remaining {
			t.Errorf("%t by %s, %d left, want %t by %s, %d", r.Allowed, r.Limit.Config.Name, r.Remaining, want, by, remaining)
		}
	}
	f(one, true, "each", 1)
	f(one, true, "each", 0)
	for range 10 {
		f(one, false, "each", 0)
	}
	f(other, true, "each", 1)
	f(other, true, "each", 0)
	f(third, true, "each", 1) // the fifth of all
	for range 10 {
		f(third, false, "all", 0)
	}
	third.Now = begin.Add(time.Hour)
	f(third, true, "each", 1) // of a full burst: what all refused has taken nothing of its own
}

// TestKeys: who counts together with whom.
func TestKeys(t *testing.T) {
	bob, eve := &auth.Identity{Key: []byte("users\x00bob")}, &auth.Identity{Key: []byte("users\x00eve")}
	f := func(key string, together bool, a, b *Subject) {
		t.Helper()
		l := list(t, "[limit.it]\nrate = \"1/h\"\nkey = \""+key+"\"", "it")
		if first, second := l.Admit(a).Allowed, l.Admit(b).Allowed; !first || second == together {
			t.Errorf("%s: %t, %t, want together: %t", key, first, second, together)
		}
	}
	const here, there = "192.0.2.1", "192.0.2.2"
	f("auth", true, subject(t, here, bob), subject(t, there, bob))
	f("auth", false, subject(t, here, bob), subject(t, here, eve))
	f("auth", true, subject(t, here, nil), subject(t, there, nil)) // nobody is one
	f("auth", false, subject(t, here, nil), subject(t, here, bob))
	f("claim:org", true, subject(t, here, bob), subject(t, there, eve)) // neither has one
	f("cookie:s", true, subject(t, here, nil, "Cookie: a=b; s=1"), subject(t, there, nil, "Cookie: s=1"))
	f("cookie:s", false, subject(t, here, nil, "Cookie: s=1"), subject(t, here, nil, "Cookie: s=2"))
	f("cookie:s", true, subject(t, here, nil), subject(t, there, nil, "Cookie: s=1; s=2")) // twice is not at all
	f("header:X-A", false, subject(t, here, nil, "X-A: 1"), subject(t, here, nil, "X-A: 2"))
}

// TestListAtOnce: of requests that come at once, two limits admit no more than the lower one, and both have counted just these.
func TestListAtOnce(t *testing.T) {
	const low, high = 25, 40
	f := func(store string) {
		both := list(t, "[redis]\naddress = \"127.0.0.1:1\"\n"+ // which nothing connects to: each gateway counts alone
			"[limit.high]\nrate = \"40/h\"\nkey = \"route\"\nstore = \""+store+"\"\n[limit.low]\nrate = \"25/h\"\nkey = \"route\"\nstore = \""+store+"\"", "high", "low")
		now := time.Now()
		ask := func(l List) bool {
			q := subject(t, "192.0.2.1", nil)
			q.Now = now
			return l.Admit(q).Allowed
		}
		count := func(l List) (n int) {
			for ask(l) {
				n++
			}
			return n
		}
		var admitted atomic.Int64
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 64 {
			all.Go(func() {
				<-begin
				if ask(both) {
					admitted.Add(1)
				}
			})
		}
		close(begin)
		all.Wait()
		if n := int(admitted.Load()); n > low {
			t.Errorf("%s: 64 requests at once: %d admitted, want at most %d", store, n, low)
		}
		if n := int(admitted.Load()) + count(both); n != low {
			t.Errorf("%s: %d admitted in the end, want %d", store, n, low)
		}
		if n := count(both[:1]); n != high-low {
			t.Errorf("%s: the other limit has %d left, want %d", store, n, high-low)
		}
	}
	f("local")
	f("redis")
}

// TestListAllocations: counting in several limits allocates nothing.
func TestListAllocations(t *testing.T) {
	l := list(t, "[limit.each]\nrate = \"1000000/s\"\nkey = \"auth\"\nplan = \"claim:plan\"\nrates = { pro = \"1000/s\" }\n[limit.all]\nrate = \"1000000/s\"\nkey = \"route\"", "each", "all")
	q := subject(t, "192.0.2.1", &auth.Identity{Key: []byte("a")})
	l.Admit(q)
	if n := testing.AllocsPerRun(100, func() { l.Admit(q) }); n > 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
