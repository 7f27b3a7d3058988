package upstream_test

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
)

func TestFailures(t *testing.T) {
	f := func(converse func(*peer), change func(*upstream.Options, *trip), status int, class string) {
		t.Helper()
		s := serve(t, func(p *peer) {
			p.request()
			converse(p)
		})
		opts := options()
		x := request("POST", "x")
		if change != nil {
			change(&opts, x)
		}
		_, _, err := run(pool(t, opts, s), x)
		wantError(t, err, status, class)
	}
	says := func(s string) func(*peer) { return func(p *peer) { p.say(s) } }
	silent := func(p *peer) { p.r.ReadByte() }
	f(says(""), nil, 502, upstream.ClassBroken)
	f((*peer).reset, nil, 502, upstream.ClassBroken)
	f(says("HTTP/1.1 200 OK\r\nX: 1"), nil, 502, upstream.ClassBroken)
	f(says("HTTP/1.1 100 Continue\r\n\r\n"), nil, 502, upstream.ClassBroken)
	f(says("nonsense\r\n\r\n"), nil, 502, upstream.ClassMalformed)
	f(says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"), nil, 502, upstream.ClassMalformed)
	f(says("HTTP/1.1 200 OK\nContent-Length: 1\n\nx"), nil, 502, upstream.ClassMalformed)
	f(says("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\nx"), nil, 502, upstream.ClassMalformed)
	f(says("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), nil, 502, upstream.ClassMalformed)
	f(says(strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", conn.MaxInterim+1)+ok), nil, 502, upstream.ClassMalformed)
	f(says("HTTP/1.1 200 OK\r\n"+strings.Repeat("X: 1\r\n", 200)+"\r\n"), nil, 502, upstream.ClassMalformed)
	f(says("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100<<10)+"\r\n\r\n"), nil, 502, upstream.ClassMalformed)
	f(silent, func(o *upstream.Options, _ *trip) { o.FirstByteTimeout = 20 * time.Millisecond }, 504, upstream.ClassFirstByte)
	f(silent, func(_ *upstream.Options, x *trip) { x.Deadline = x.Now.Add(20 * time.Millisecond) }, 504, upstream.ClassTimeout)
	// One octet is no head.
	f(func(p *peer) { p.say("H"); p.r.ReadByte() },
		func(o *upstream.Options, _ *trip) { o.FirstByteTimeout = 20 * time.Millisecond }, 504, upstream.ClassFirstByte)
}

// TestOldNow: what came before the exchange, such as a slow client's content, is not the
// upstream's time.
func TestOldNow(t *testing.T) {
	u := pool(t, options(), serve(t, answer))
	for range 2 {
		x := request("POST", "x")
		x.Now = x.Now.Add(-2 * patience)
		if _, _, err := run(u, x); err != nil {
			t.Error(err)
		}
	}
}

// TestCut: a response that breaks off is an error after what there was of it, never an end.
func TestCut(t *testing.T) {
	f := func(response, want string, silent bool) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(p *peer) {
				p.request()
				p.say(response)
				if silent {
					p.r.ReadByte()
				}
			})
			opts := options()
			if silent {
				opts.IdleTimeout = 500 * time.Millisecond // in which the request must be sent, too
			}
			_, content, err := run(pool(t, opts, s), request("GET", ""))
			var failed *upstream.Error
			if content != want || err == nil || errors.As(err, &failed) {
				t.Errorf("%q, silent: %t: %q, %v, want %q and an error", response, silent, content, err, want)
			}
		})
	}
	const head = "HTTP/1.1 200 OK\r\n"
	for _, end := range []bool{false, true} {
		f(head+"Content-Length: 9\r\n\r\nhello", "hello", end)
		f(head+"Content-Length: 9\r\n\r\n", "", end)
		f(head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "hel", end)
		f(head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", end)
		f(head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello", end)
		f(head+"Transfer-Encoding: chunked\r\n\r\n0\r\nT: 1\r\n", "", end)
		f(head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz", "hello", end)
	}
	f(head+"\r\nhello", "hello", true) // until close: an end is an end, silence is not
}

// TestPending: framing that has come in is no content that has.
func TestPending(t *testing.T) {
	next := make(chan string)
	s := serve(t, func(p *peer) {
		p.request()
		for octets := range next {
			p.say(octets)
		}
	})
	u := pool(t, options(), s)
	x := request("GET", "")
	go func() { next <- "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n" }()
	if err := do(u, x); err != nil {
		t.Fatal(err)
	}
	if data, err := x.Next(); string(data) != "hello" || err != nil {
		t.Fatalf("%q, %v", data, err)
	}
	if x.Pending() {
		t.Error("the end of a chunk is taken for content")
	}
	go func() { next <- "5\r\nworld\r\n0\r\n\r\n"; close(next) }()
	if data, err := x.Next(); string(data) != "world" || err != nil || !x.Pending() {
		t.Fatalf("%q, %v, end pending: %t", data, err, x.Pending())
	}
	if _, err := x.Next(); err != io.EOF {
		t.Errorf("%v, want the end", err)
	}
	x.End(time.Now())
}

// TestSplitResponse: where the pieces of a response end changes nothing.
func TestSplitResponse(t *testing.T) {
	const response = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"3;x=\"y\"\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n"
	split := 0
	s := serve(t, func(p *peer) {
		p.SetNoDelay(true)
		for {
			if req, _ := p.request(); req == nil {
				return
			}
			p.say(response[:split])
			p.say(response[split:])
		}
	})
	u := pool(t, options(), s)
	for split = range response {
		if status, content, err := run(u, request("GET", "")); status != 200 || content != "hello" || err != nil {
			t.Errorf("split at %d: %d %q, %v", split, status, content, err)
		}
	}
	if n := s.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// A leaver is a client that goes when it is told to.
type leaver struct {
	watched chan func()
	stopped atomic.Int64
}

func (l *leaver) Watch(gone func()) (stop func()) {
	l.watched <- gone
	return func() { l.stopped.Add(1) }
}

// TestGone: when the client goes while the upstream lets us wait, for the response or for more of
// its content, the exchange ends, and nobody takes that for the endpoint's failure.
func TestGone(t *testing.T) {
	f := func(begins string) {
		t.Helper()
		ended := make(chan bool, 1)
		s := serve(t, func(p *peer) {
			p.request()
			p.say(begins)
			p.r.ReadByte()
			ended <- true
		})
		opts := options()
		opts.Retries = 3
		u := pool(t, opts, s)
		l := &leaver{watched: make(chan func(), 1)}
		x := request("GET", "")
		x.Waiter = l
		go func() { (<-l.watched)() }()
		if _, _, err := run(u, x); !errors.Is(err, transport.ErrGone) {
			t.Errorf("%v, want ErrGone", err)
		}
		<-ended
		if s.opened.Load() != 1 || l.stopped.Load() != 1 {
			t.Errorf("%d connections, %d watches were stopped, want 1 and 1", s.opened.Load(), l.stopped.Load())
		}
	}
	f("")
	f("HTTP/1.1 200")
	f("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
}

// TestPatience: a watch does not change what is waited for.
func TestPatience(t *testing.T) {
	watched := make(chan bool)
	s := serve(t, func(p *peer) {
		for {
			if req, _ := p.request(); req == nil {
				return
			}
			<-watched
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
			time.Sleep(2 * conn.Glance) // a second watch would begin
			p.say("k")
		}
	})
	u := pool(t, options(), s)
	for range 2 {
		l := &leaver{watched: make(chan func(), 2)}
		x := request("GET", "")
		x.Waiter = l
		go func() {
			<-l.watched
			watched <- true
		}()
		if status, content, err := run(u, x); status != 200 || content != "ok" || err != nil {
			t.Errorf("%d %q, %v", status, content, err)
		}
		if len(l.watched) != 0 || l.stopped.Load() != 1 {
			t.Error("the client was watched twice, or still is")
		}
	}
	if n := s.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	mute := serve(t, func(p *peer) { p.request(); p.r.ReadByte() })
	opts := options()
	opts.FirstByteTimeout = 100 * time.Millisecond
	x := request("GET", "")
	x.Waiter = &leaver{watched: make(chan func(), 1)}
	_, _, err := run(pool(t, opts, mute), x)
	wantError(t, err, 504, upstream.ClassFirstByte)
}
