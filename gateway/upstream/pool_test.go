package upstream_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
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
	var open []*upstream.Exchange
	for range 3 {
		x := request("GET", "")
		if err := u.Do(x); err != nil {
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
		ended <- struct{}{}
		<-ended
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
	if err := u.Do(x); err != nil {
		t.Fatal(err)
	}
	x.End(time.Now()) // the client has gone
	x.End(time.Now()) // once is enough
	get(t, u)
	if n := s.opened.Load(); n != 2 {
		t.Errorf("%d connections, want 2: the first had content left", n)
	}
}

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
		for _, e := range u.Endpoints {
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

func TestPowerOfTwoChoices(t *testing.T) {
	a, b := serve(t, answer), serve(t, answer)
	u := pool(t, options(), a, b)
	// With two endpoints both are looked at, so the counts can differ by one at most.
	var open []*upstream.Exchange
	for i := range 12 {
		x := request("GET", "")
		if err := u.Do(x); err != nil {
			t.Fatal(err)
		}
		open = append(open, x)
		if d := u.Endpoints[0].InFlight() - u.Endpoints[1].InFlight(); d < -1 || d > 1 {
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
	if err := u.Do(x); err != nil {
		t.Fatal(err)
	}
	if err := u.Do(y); err != nil {
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

func TestQueue(t *testing.T) {
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	s := serve(t, func(p *peer) {
		for {
			if req, _ := p.request(); req == nil {
				return
			}
			arrived <- struct{}{}
			<-release
			p.say(ok)
		}
	})
	opts := options()
	opts.MaxConnections, opts.MaxQueue = 2, 3
	u := pool(t, opts, s)
	results := make(chan error, 8)
	for range 5 {
		go func() {
			_, _, err := run(u, request("GET", ""))
			results <- err
		}()
	}
	<-arrived
	<-arrived
	for u.Endpoints[0].Waiting() < 3 {
		runtime.Gosched() // nothing tells when the last has joined the queue
	}
	_, _, err := run(u, request("GET", ""))
	wantError(t, err, 503, upstream.ClassQueue)
	close(release)
	for range 5 {
		if err := <-results; err != nil {
			t.Errorf("queued: %v", err)
		}
	}
	if n := s.opened.Load(); n > 2 {
		t.Errorf("%d connections, want at most 2", n)
	}
}

func TestQueueTimeout(t *testing.T) {
	s := serve(t, func(p *peer) { p.request(); p.r.ReadByte() })
	f := func(queue, deadline time.Duration) {
		t.Helper()
		opts := options()
		opts.MaxConnections, opts.QueueTimeout = 1, queue
		u := pool(t, opts, s)
		if !u.Endpoints[0].TryEnter() {
			t.Fatal("no room")
		}
		defer u.Endpoints[0].Leave()
		x := request("GET", "")
		if deadline > 0 {
			x.Deadline = time.Now().Add(deadline)
		}
		_, _, err := run(u, x)
		wantError(t, err, 503, upstream.ClassQueue)
	}
	f(10*time.Millisecond, 0)
	f(patience, 10*time.Millisecond)
}
