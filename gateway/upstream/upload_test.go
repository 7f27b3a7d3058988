package upstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
)

// stream makes a request whose content is streamed.
func stream(r io.Reader, length int, cancel func()) *trip {
	x := &trip{Exchange: transport.Exchange{Method: []byte("POST"), Now: time.Now(), Stream: r, Cancel: cancel, Chunked: length < 0}}
	framing := "Transfer-Encoding: chunked"
	if length >= 0 {
		framing = fmt.Sprintf("Content-Length: %d", length)
	}
	x.Head = fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", framing)
	return x
}

// oneByOne reads with the end of the content, as the edge does.
type oneByOne struct{ rest []byte }

func (o *oneByOne) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 1000)], o.rest)
	if o.rest = o.rest[n:]; len(o.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

func TestUpload(t *testing.T) {
	s := serve(t, func(p *peer) {
		for {
			req, body := p.request()
			if req == nil {
				return
			}
			p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		}
	})
	u := pool(t, options(), s)
	for _, n := range []int{1, 999, 1000, 1001, 100_000} {
		body := strings.Repeat("x", n)
		for _, length := range []int{n, -1} {
			for i, r := range []io.Reader{&oneByOne{[]byte(body)}, strings.NewReader(body)} {
				if i > 0 && length >= 0 {
					continue // it ends too late, see Exchange.Stream
				}
				x := stream(r, length, func() { t.Error("cancelled") })
				status, content, err := run(u, x)
				if status != 200 || content != body || err != nil || !x.ContentRead() {
					t.Errorf("%d octets, length %d: %d, %d octets, %v", n, length, status, len(content), err)
				}
			}
		}
	}
	if n := s.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestFullDuplex: an upstream that answers while it reads, and waits for one to go on with the other.
func TestFullDuplex(t *testing.T) {
	const size = 64 << 20
	s := serve(t, func(p *peer) {
		req := p.head()
		p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		buf := make([]byte, 64<<10)
		for {
			n, err := req.Body.Read(buf)
			if n > 0 {
				fmt.Fprintf(p, "%x\r\n%s\r\n", n, buf[:n])
			}
			if err != nil {
				p.say("0\r\n\r\n")
				return
			}
		}
	})
	u := pool(t, options(), s)
	x := stream(io.LimitReader(endless{}, size), -1, func() {})
	if err := do(u, x); err != nil {
		t.Fatal(err)
	}
	total := 0
	for {
		data, err := x.Next()
		total += len(data)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %d octets: %v", total, err)
		}
	}
	x.End(time.Now())
	if total != size {
		t.Errorf("%d octets, want %d", total, size)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// stuck is content that comes until it is cancelled.
type stuck struct {
	rest   io.Reader
	cancel chan struct{}
}

func newStuck(s string) *stuck { return &stuck{strings.NewReader(s), make(chan struct{})} }

func (s *stuck) Read(p []byte) (int, error) {
	if n, _ := s.rest.Read(p); n > 0 {
		return n, nil
	}
	<-s.cancel
	return 0, errors.New("cancelled")
}

// TestEarlyResponse: a final response ends the exchange while the content is still coming.
func TestEarlyResponse(t *testing.T) {
	f := func(content io.Reader, cancel func(), end func(*peer)) {
		t.Helper()
		s := serve(t, func(p *peer) {
			if p.n > 1 {
				answer(p)
				return
			}
			p.head()
			p.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
			end(p)
		})
		u := pool(t, options(), s)
		x := stream(content, 1<<40, cancel)
		if status, body, err := run(u, x); status != 413 || body != "no" || err != nil {
			t.Errorf("%d %q, %v, want 413", status, body, err)
		}
		if x.ContentRead() {
			t.Error("the content is said to have been read")
		}
		get(t, u)
		if n := s.opened.Load(); n != 2 {
			t.Errorf("%d connections, want 2: the first was in the midst of a request", n)
		}
	}
	keeps := func(p *peer) { io.Copy(io.Discard, p.r) }
	stops := func(p *peer) { <-time.After(0); p.CloseWrite(); io.Copy(io.Discard, p.r) }
	slow := newStuck("begin")
	f(slow, func() { close(slow.cancel) }, keeps)
	slow = newStuck("begin")
	f(slow, func() { close(slow.cancel) }, stops)
	f(endless{}, func() {}, keeps)
	f(endless{}, func() {}, stops)
}

// TestStuckUpstream: it answers, and does not read what is on its way.
func TestStuckUpstream(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(p *peer) {
		p.head()
		p.say(ok)
		<-release
	})
	u := pool(t, options(), s)
	// More than the sockets hold: the last piece cannot be sent, and is waited for only shortly.
	if status, _, err := run(u, stream(io.LimitReader(endless{}, 64<<20), 64<<20, func() {})); status != 200 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	close(release)
}

// TestContentFault: the upstream must not take what came before the fault for all.
func TestContentFault(t *testing.T) {
	fault := errors.New("a fault")
	complete := make(chan bool, 1)
	s := serve(t, func(p *peer) {
		req, _ := p.request()
		complete <- req != nil
	})
	u := pool(t, options(), s)
	for _, length := range []int{-1, 100} {
		content := io.MultiReader(strings.NewReader("begin"), errReader{fault})
		_, _, err := run(u, stream(content, length, func() {}))
		if !errors.Is(err, transport.ErrContent) || !errors.Is(err, fault) {
			t.Errorf("length %d: %v, want the fault", length, err)
		}
		if <-complete {
			t.Errorf("length %d: the upstream took it for a whole request", length)
		}
	}
}

// TestContentFaultAfterResponse: the response cannot be said to be whole, for nobody knows what
// the upstream makes of half a request.
func TestContentFaultAfterResponse(t *testing.T) {
	s := serve(t, func(p *peer) {
		p.head()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
		io.Copy(io.Discard, p.r)
	})
	u := pool(t, options(), s)
	r, w := io.Pipe()
	x := stream(r, -1, func() {})
	if err := do(u, x); err != nil {
		t.Fatal(err)
	}
	x.Next()
	w.CloseWithError(errors.New("a fault"))
	if _, err := x.Next(); err == nil || err == io.EOF {
		t.Errorf("%v, want an error", err)
	}
	x.End(time.Now())
}

type errReader struct{ error }

func (e errReader) Read([]byte) (int, error) { return 0, e.error }

// TestCancelWhileSilent: with neither content nor a response coming, the deadline ends both.
func TestCancelWhileSilent(t *testing.T) {
	s := serve(t, func(p *peer) { p.head(); io.Copy(io.Discard, p.r) })
	u := pool(t, options(), s)
	slow := newStuck("begin")
	x := stream(slow, -1, func() { close(slow.cancel) })
	x.Deadline = x.Now.Add(20 * time.Millisecond)
	_, _, err := run(u, x)
	wantError(t, err, 504, upstream.ClassTimeout)
}

// TestAfterTheHeadIdleTimeoutCounts: an upload in progress does not bring the time to the first
// byte back once the response has begun.
func TestAfterTheHeadIdleTimeoutCounts(t *testing.T) {
	var first atomic.Int64
	first.Store(int64(100 * time.Millisecond))
	s := serve(t, func(p *peer) {
		if p.head() == nil {
			return
		}
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
		io.Copy(io.Discard, io.LimitReader(p.r, int64(len("5\r\nhello\r\n0\r\n\r\n"))))
		<-time.After(time.Duration(2 * first.Load())) // to think
		p.say("ok")
		p.r.ReadByte()
	})
	u := pool(t, options(), s)
	var r *io.PipeReader
	var w *io.PipeWriter
	var x *trip
	for { // a head that takes longer than the time to it shows nothing
		u.Endpoints()[0].Options().FirstByteTimeout = time.Duration(first.Load())
		r, w = io.Pipe()
		x = stream(r, -1, func() { r.Close() })
		err := do(u, x)
		if err == nil {
			break
		}
		var failed *upstream.Error
		if !errors.As(err, &failed) || failed.Class != upstream.ClassFirstByte || first.Load() > int64(patience) {
			t.Fatal(err)
		}
		first.Store(2 * first.Load())
	}
	go func() { w.Write([]byte("hello")); w.Close() }()
	var content bytes.Buffer
	for {
		data, err := x.Next()
		content.Write(data)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	x.End(time.Now())
	if content.String() != "ok" {
		t.Errorf("%q", content.String())
	}
}
