package upstream_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// TestLIFO: the connection that was used last is used again, so that others can expire.
func TestLIFO(t *testing.T) {
	s := serve(t, func(p *peer) {
		for {
			if req, _ := p.request(); req == nil {
				return
			}
			p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", p.n))
		}
	})
	u := pool(t, options(), s)
	var open []*trip
	for range 3 {
		x := request("GET", "")
		if err := do(u, x); err != nil {
			t.Fatal(err)
		}
		open = append(open, x)
	}
	for _, i := range []int{1, 2, 0} {
		if _, err := open[i].Next(); err != nil {
			t.Fatal(err)
		}
		open[i].End(time.Now())
	}
	for range 5 {
		if _, content, err := run(u, request("GET", "")); content != "1" || err != nil {
			t.Errorf("connection %q, %v, want the first, which was given back last", content, err)
		}
	}
	if n := s.opened.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// hears has the peer of the idle connection act, and returns when what it did has arrived. The connection is idle again then.
func hears(t *testing.T, u *upstream.Upstream, act func()) {
	t.Helper()
	conns := u.Endpoints()[0].Conns()
	c := conns.Take(time.Now())
	act()
	if c == nil {
		return // it was not fit to be idle
	}
	until(t, "the connection shows what its peer did", func() bool { return !c.Quiet(time.Now()) })
	conns.Give(c, time.Now(), 0)
}

// TestDeadIdleConnections: what happens to an idle connection is noticed before it is used, so
// that even a POST gets through.
func TestDeadIdleConnections(t *testing.T) {
	f := func(name string, end func(*peer)) {
		t.Helper()
		ended := make(chan struct{})
		s := serve(t, func(p *peer) {
			if p.n > 1 {
				answer(p)
				return
			}
			p.request()
			p.say(ok)
			<-ended // the exchange is over, the connection idle
			end(p)
			ended <- struct{}{}
			p.r.ReadByte()
		})
		u := pool(t, options(), s)
		get(t, u)
		hears(t, u, func() {
			ended <- struct{}{}
			<-ended
		})
		if status, _, err := run(u, request("POST", "x")); status != 200 || err != nil {
			t.Errorf("POST after %s: %d, %v", name, status, err)
		}
		if n := s.opened.Load(); n != 2 {
			t.Errorf("after %s: %d connections, want 2", name, n)
		}
	}
	f("FIN", func(p *peer) { p.CloseWrite() })
	f("RST", func(p *peer) { p.reset() })
	f("surplus octets", func(p *peer) { p.say("x") })
	f("an unasked response", func(p *peer) { p.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") })
}

// TestNotReused: connections whose next octets cannot be trusted are closed.
func TestNotReused(t *testing.T) {
	f := func(response string, reused bool) {
		t.Helper()
		s := serve(t, func(p *peer) {
			for {
				if req, _ := p.request(); req == nil {
					return
				}
				p.say(response)
				if !strings.Contains(response, "Content-Length") && !strings.Contains(response, "chunked") {
					return
				}
			}
		})
		u := pool(t, options(), s)
		for range 2 {
			if _, _, err := run(u, request("GET", "")); err != nil {
				t.Errorf("%q: %v", response, err)
			}
		}
		if got := s.opened.Load() == 1; got != reused {
			t.Errorf("%q: reused: %t, want %t", response, got, reused)
		}
	}
	f(ok, true)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nTrailer: 1\r\n\r\n", true)
	f("HTTP/1.1 103 Early Hints\r\n\r\n"+ok, true)
	f("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", true)
	f(ok+"x", false)
	f(ok+ok, false)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\r\n", false)
	f("HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 2\r\n\r\nok", false)
	f("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false)
	f("HTTP/1.1 200 OK\r\n\r\nok", false)
	f("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", false)
}

func TestAbandonedResponse(t *testing.T) {
	s := serve(t, answer)
	u := pool(t, options(), s)
	x := request("GET", "")
	if err := do(u, x); err != nil {
		t.Fatal(err)
	}
	x.End(time.Now()) // the client has gone
	x.End(time.Now()) // once is enough
	get(t, u)
	if n := s.opened.Load(); n != 2 {
		t.Errorf("%d connections, want 2: the first had content left", n)
	}
}

func TestPowerOfTwoChoices(t *testing.T) {
	a, b := serve(t, answer), serve(t, answer)
	u := pool(t, options(), a, b)
	// With two endpoints both are looked at, so the counts can differ by one at most.
	var open []*trip
	for i := range 12 {
		x := request("GET", "")
		if err := do(u, x); err != nil {
			t.Fatal(err)
		}
		open = append(open, x)
		if d := u.Endpoints()[0].InFlight() - u.Endpoints()[1].InFlight(); d < -1 || d > 1 {
			t.Errorf("after %d: %d more on the first endpoint", i+1, d)
		}
	}
	for _, x := range open {
		x.End(time.Now())
	}
}

func TestKeepAliveExpires(t *testing.T) {
	closed := make(chan struct{})
	s := serve(t, func(p *peer) {
		p.request()
		p.say(ok)
		if _, err := p.r.ReadByte(); err == io.EOF {
			close(closed)
		}
	})
	opts := options()
	opts.KeepAlive = 20 * time.Millisecond
	u := pool(t, opts, s)
	get(t, u)
	<-closed
}

// TestStop: idle connections are closed, those in use after their exchange.
func TestStop(t *testing.T) {
	closed := make(chan struct{}, 2)
	s := serve(t, func(p *peer) { answer(p); closed <- struct{}{} })
	u := upstream.New("test", []upstream.Address{s.address()}, options())
	u.Start()
	x, y := request("GET", ""), request("GET", "")
	if err := do(u, x); err != nil {
		t.Fatal(err)
	}
	if err := do(u, y); err != nil {
		t.Fatal(err)
	}
	y.Next()
	y.End(time.Now())
	u.Stop()
	u.Stop()
	<-closed
	if data, err := x.Next(); string(data) != "ok" || err != nil {
		t.Errorf("an exchange under way: %q, %v", data, err)
	}
	x.End(time.Now())
	<-closed
	get(t, u) // from a request that has loaded an old configuration
	<-closed
}
