package upstream_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// TestReplay: a request on a connection that turns out to be dead is repeated if that is safe.
func TestReplay(t *testing.T) {
	f := func(method, content string, first string, wantSent int) {
		t.Helper()
		var mu sync.Mutex
		sent := 0
		s := serve(t, func(p *peer) {
			for i := 0; ; i++ {
				req, _ := p.request()
				if req == nil {
					return
				}
				if p.n == 1 && i == 0 {
					p.say(ok)
					continue
				}
				mu.Lock()
				sent++
				mu.Unlock()
				if p.n == 1 {
					p.say(first)
					return
				}
				p.say(ok)
			}
		})
		u := pool(t, options(), s)
		get(t, u)
		_, _, err := run(u, request(method, content))
		mu.Lock()
		defer mu.Unlock()
		if sent != wantSent || (err == nil) != (wantSent == 2) {
			t.Errorf("%s, first answer %q: sent %d times, %v, want %d", method, first, sent, err, wantSent)
		}
	}
	f("GET", "", "", 2)
	f("OPTIONS", "", "", 2)
	f("POST", "x", "", 1)
	f("POST", "", "", 1)
	f("PATCH", "x", "", 1)
	f("PUT", "x", "", 2)
	f("DELETE", "", "", 2)
	// Something came back: it may have been processed.
	f("GET", "", "H", 1)
	f("GET", "", "HTTP/1.1 200", 1)
}

// TestUnprocessed: an endpoint that says, as a request is sent on an idle connection, that it waits
// no longer has not seen the request: any request is made again. On a new connection it means
// what it says.
func TestUnprocessed(t *testing.T) {
	const late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	s := serve(t, func(p *peer) {
		p.request()
		if p.n == 3 {
			p.say(late)
			return
		}
		p.say(ok)
		p.request()
		p.say(late)
	})
	u := pool(t, options(), s)
	get(t, u)
	if status, _, err := run(u, request("POST", "x")); status != 200 || err != nil {
		t.Errorf("POST: %d, %v", status, err)
	}
	if status, _, err := run(u, request("POST", "x")); status != 408 || err != nil {
		t.Errorf("POST, and late on the new connection as well: %d, %v", status, err)
	}
}

// TestRetries: what fails on a new connection is made again if that is safe, at another endpoint
// first, and as often as may be.
func TestRetries(t *testing.T) {
	f := func(method, content, first string, retries, wantSent int, wantClass string) {
		t.Helper()
		var sent atomic.Int64
		var list []*server
		for range 3 {
			list = append(list, serve(t, func(p *peer) {
				for {
					if req, _ := p.request(); req == nil {
						return
					}
					if sent.Add(1) <= 2 {
						p.say(first)
						return
					}
					p.say(ok)
				}
			}))
		}
		opts := options()
		var told atomic.Int64
		opts.Retries, opts.Retried, opts.Balance = retries, func() { told.Add(1) }, balance.LeastInFlight
		u := pool(t, opts, list...)
		_, _, err := run(u, request(method, content))
		if wantClass == "" && err != nil {
			t.Errorf("%s: %v", method, err)
		} else if wantClass != "" {
			wantError(t, err, 502, wantClass)
		}
		if sent.Load() != int64(wantSent) || told.Load() != int64(wantSent-1) {
			t.Errorf("%s, %q, %d retries: sent %d times, told of %d retries, want %d and one less", method, first, retries, sent.Load(), told.Load(), wantSent)
		}
		for i, s := range list {
			if n := s.opened.Load(); n > 1 {
				t.Errorf("%s: %d attempts at endpoint %d while others were not tried", method, n, i)
			}
		}
	}
	f("GET", "", "", 2, 3, "")
	f("PUT", "x", "", 2, 3, "")
	f("GET", "", "", 1, 2, upstream.ClassBroken)
	f("GET", "", "", 0, 1, upstream.ClassBroken)
	f("POST", "x", "", 2, 1, upstream.ClassBroken)
	f("PATCH", "", "", 2, 1, upstream.ClassBroken)
	f("GET", "", "H", 2, 1, upstream.ClassBroken)
	f("GET", "", "NONSENSE\r\n\r\n", 2, 1, upstream.ClassMalformed)
}

// TestRetriesAtTheOnlyEndpoint: if there is no other, it is tried again.
func TestRetriesAtTheOnlyEndpoint(t *testing.T) {
	s := serve(t, func(p *peer) { p.request() })
	opts := options()
	opts.Retries = 5
	u := pool(t, opts, s)
	_, _, err := run(u, request("GET", ""))
	wantError(t, err, 502, upstream.ClassBroken)
	if n := s.opened.Load(); n != 6 {
		t.Errorf("%d connections, want 6", n)
	}
}

// TestStreamIsNotRetried: content that was sent is not there any more.
func TestStreamIsNotRetried(t *testing.T) {
	s := serve(t, func(p *peer) { p.request() })
	opts := options()
	opts.Retries = 5
	u := pool(t, opts, s)
	x := stream(strings.NewReader("hello"), 5, func() {})
	x.Method = []byte("PUT")
	_, _, err := run(u, x)
	wantError(t, err, 502, upstream.ClassBroken)
	if n := s.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestSlowConnectionIsNotReplayed: a reused connection that stays silent is no dead one.
func TestSlowConnectionIsNotReplayed(t *testing.T) {
	s := serve(t, func(p *peer) {
		p.request()
		p.say(ok)
		p.request()
		p.r.ReadByte() // until it is closed
	})
	u := pool(t, options(), s)
	get(t, u)
	u.Endpoints()[0].Options().FirstByteTimeout = 20 * time.Millisecond // only now: the first response has the time that it needs
	_, _, err := run(u, request("GET", ""))
	wantError(t, err, 504, upstream.ClassFirstByte)
	if n := s.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// dead returns an address at which connections are refused.
func dead(t *testing.T) upstream.Address {
	t.Helper()
	return upstream.Address{Label: "dead", Network: "tcp", Dial: tooltest.Refusing(t)}
}

func TestConnectRefused(t *testing.T) {
	s := serve(t, answer)
	f := func(retries int, list ...upstream.Address) (failed int) {
		t.Helper()
		opts := options()
		opts.Retries, opts.Balance = retries, balance.RoundRobin
		u := upstream.New("test", list, opts)
		defer u.Stop()
		for range 25 { // fewer than the retries that are always allowed
			if _, _, err := run(u, request("POST", "x")); err != nil {
				wantError(t, err, 502, upstream.ClassConnect)
				failed++
			}
		}
		for _, e := range u.Endpoints() {
			if e.InFlight() != 0 {
				t.Errorf("%d exchanges are still counted", e.InFlight())
			}
		}
		return failed
	}
	if n := f(1, dead(t), s.address()); n != 0 {
		t.Errorf("one of two is dead, one retry: %d of 25 failed", n)
	}
	if n := f(0, dead(t), s.address()); n == 0 || n == 25 {
		t.Errorf("one of two is dead, no retry: %d of 25 failed", n)
	}
	if n := f(3, dead(t), dead(t)); n != 25 {
		t.Errorf("both are dead: %d of 25 failed", n)
	}
}
