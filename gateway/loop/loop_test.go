//go:build linux

package loop_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/socket"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The runtime makes descriptors of its own for the first socket: before any test counts them.
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close()
	}
	goleak.VerifyTestMain(m,
		// fasthttp's pool of goroutines looks only every ten seconds whether it was stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// patience bounds what should happen at once. It is never waited for in a test that passes.
const patience = time.Minute

// A trial is one loop that serves plain exchanges until the test ends.
type trial struct {
	options   edge.Options
	endpoints []upstream.Address
	to        upstream.Options
	timeout   time.Duration // of an exchange
	ended     time.Duration // 0: edge.HalfClosedWait
	h2c       bool
	began     func(path string) // on the loop's goroutine; nil: nothing

	loop     *loop.Loop
	server   *edge.Server
	on       *edge.Listener
	address  string
	upstream atomic.Pointer[upstream.Upstream]
	made     atomic.Int64 // exchanges

	dones, gones, cuts, faults atomic.Int64
}

// begin starts a trial. change may alter it before; at is where the upstream's endpoints are.
func begin(t testing.TB, change func(*trial), at ...string) *trial {
	t.Helper()
	before := descriptors(t)
	r := &trial{
		options: edge.Options{Limits: wire.Limits{HeadBytes: 16 << 10, Fields: 128},
			Header: patience, Idle: patience, BodyIdle: patience, Connections: 1000},
		to: upstream.Options{MaxConnections: 64, MaxQueue: 64, QueueTimeout: patience, ConnectTimeout: patience,
			FirstByteTimeout: patience, IdleTimeout: patience, KeepAlive: patience, Retries: 1},
	}
	for _, a := range at {
		r.endpoints = append(r.endpoints, upstream.Address{Label: a, Network: "tcp", Dial: a})
	}
	if len(at) == 0 {
		r.endpoints = []upstream.Address{{Network: "tcp", Dial: "127.0.0.1:1"}}
	}
	if change != nil {
		change(r)
	}
	r.prepare(t)
	go r.loop.Run()
	t.Cleanup(func() { r.end(t, before) })
	return r
}

// prepare makes everything but runs nothing.
func (r *trial) prepare(t testing.TB) {
	t.Helper()
	r.upstream.Store(upstream.New("test", r.endpoints, r.to))
	r.server = edge.NewServer(r.options, r.handle, func(*wire.Fault, netip.Addr) { r.faults.Add(1) })
	var err error
	r.loop, err = loop.New(r.server, func() loop.Exchange { r.made.Add(1); return &plain{trial: r} }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if r.ended > 0 {
		r.loop.SetEndedWait(r.ended)
	}
	sockets, err := socket.Bind("127.0.0.1:0", 1, false)
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.Close()
	fd, err := sockets.Duplicate(0)
	if err != nil {
		t.Fatal(err)
	}
	r.on, r.address = edge.NewListener("test", nobody{sockets.Addr()}), sockets.Addr().String()
	r.on.H2C = r.h2c
	if err := r.loop.Accept(fd, r.on); err != nil {
		t.Fatal(err)
	}
}

// nobody stands for a listener: accepting is the loop's.
type nobody struct{ addr net.Addr }

func (nobody) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (nobody) Close() error              { return nil }
func (n nobody) Addr() net.Addr          { return n.addr }

// end drains the loop and looks whether everything is back where it belongs.
func (r *trial) end(t testing.TB, descriptorsBefore int) {
	t.Helper()
	r.loop.Drain(edge.Grace)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.server.Drain(ctx); err != nil {
		t.Errorf("drain: %v", err)
	}
	select {
	case <-r.loop.Done():
	case <-ctx.Done():
		t.Errorf("the loop does not end: %+v", r.loop.Counts())
		r.loop.Abandon()
		<-r.loop.Done()
	}
	until(t, "no connection is open", func() bool { return r.on.Open() == 0 })
	for _, e := range r.upstream.Load().Endpoints() {
		until(t, "no exchange is counted", func() bool { return free(e, r.to.MaxConnections) })
		if n := e.Waiting(); n != 0 {
			t.Errorf("%d places in the queue are taken, want none", n)
		}
	}
	if got, want := int64(r.loop.Counts().Exchanges), r.made.Load(); got != want {
		t.Errorf("%d exchanges were given back, want %d", got, want)
	}
	r.upstream.Load().Stop()
	until(t, "no descriptor is left", func() bool { return descriptors(t) <= descriptorsBefore })
}

// free reports whether an endpoint has room for n exchanges.
func free(e *upstream.Endpoint, n int) bool {
	entered := 0
	for entered < n && e.TryAcquire() {
		entered++
	}
	for range entered {
		e.Release()
	}
	return entered == n
}

// until waits for something that nobody tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// counts returns what the loop has in hand.
func (r *trial) counts() (n loop.Counts) {
	r.loop.Inside(func() { n = r.loop.Counts() })
	return n
}

// TestEndAlone: what is asked of a loop that is about to end does not run beside what it still does.
func TestEndAlone(t *testing.T) {
	r := begin(t, nil)
	ends, looked := make(chan bool), make(chan bool)
	r.loop.Inside(func() {
		r.loop.DrainHere()
		r.loop.Post(func() { // after the last turn
			close(ends)
			select {
			case <-looked:
				t.Error("its sockets were looked at while it closed them")
			case <-time.After(20 * time.Millisecond): // it cannot happen, so there is nothing else to wait for
			}
		})
	})
	<-ends
	r.loop.Held(0, &edge.Held{})
	close(looked)
	<-r.loop.Done()
}

// A peer is an upstream: it does the same on each of its connections.
type peer struct {
	net.Listener
	conns atomic.Int64 // so far
	mu    sync.Mutex
	open  []net.Conn
	done  sync.WaitGroup
}

func newPeer(t testing.TB, do func(c net.Conn, r *bufio.Reader)) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return servePeer(t, ln, do)
}

func servePeer(t testing.TB, ln net.Listener, do func(c net.Conn, r *bufio.Reader)) *peer {
	p := &peer{Listener: ln}
	p.done.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.conns.Add(1)
			p.mu.Lock()
			p.open = append(p.open, c)
			p.mu.Unlock()
			p.done.Go(func() {
				defer c.Close()
				do(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *peer) stop() {
	p.Close()
	p.mu.Lock()
	for _, c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.done.Wait()
}

func (p *peer) at() string { return p.Addr().String() }

// dial connects to the trial. The connection ends with the test.
func (r *trial) dial(t testing.TB) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn), bufio.NewReader(c)
}

// write writes text.
func write(t testing.TB, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("write %.100q: %v", text, err)
	}
}
