package upstream_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
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
	f("PUT", "x", "", 1)
	f("DELETE", "", "", 1)
	// Something came back: it may have been processed.
	f("GET", "", "H", 1)
	f("GET", "", "HTTP/1.1 200", 1)
}

// TestFreshConnectionIsNotReplayed: what fails on a new connection would fail on the next.
func TestFreshConnectionIsNotReplayed(t *testing.T) {
	s := serve(t, func(p *peer) { p.request() })
	opts := options()
	opts.Retries = 5
	u := pool(t, opts, s)
	_, _, err := run(u, request("GET", ""))
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
	opts := options()
	opts.FirstByteTimeout = 20 * time.Millisecond
	u := pool(t, opts, s)
	get(t, u)
	_, _, err := run(u, request("GET", ""))
	wantError(t, err, 504, upstream.ClassFirstByte)
	if n := s.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// dead returns an address at which nobody listens.
func dead(t *testing.T) upstream.Address {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return upstream.Address{Label: "dead", Network: "tcp", Dial: ln.Addr().String()}
}

func TestConnectRefused(t *testing.T) {
	s := serve(t, answer)
	f := func(retries int, list ...upstream.Address) (failed int) {
		t.Helper()
		opts := options()
		opts.Retries = retries
		u := upstream.New("test", list, opts)
		defer u.Stop()
		for range 50 {
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
		t.Errorf("one of two is dead, one retry: %d of 50 failed", n)
	}
	if n := f(0, dead(t), s.address()); n == 0 || n == 50 {
		t.Errorf("one of two is dead, no retry: %d of 50 failed", n)
	}
	if n := f(3, dead(t), dead(t)); n != 50 {
		t.Errorf("both are dead: %d of 50 failed", n)
	}
}
