package edge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// It starts fasthttp's clock, which must not begin within a bubble of synctest: it would not end with it.
	new(fasthttp.ResponseHeader).Header()
	goleak.VerifyTestMain(m,
		// fasthttp's pool of goroutines looks only every ten seconds whether it was stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// It lives as long as the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// patience bounds what should happen at once. It is never waited for in a test that passes.
const patience = time.Minute

// until waits for something that nobody tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

func options() edge.Options {
	return edge.Options{
		Limits: wire.Limits{HeadBytes: 16 << 10, Fields: 128},
		Header: patience, Idle: patience, BodyIdle: patience,
		Connections: 1 << 20,
	}
}

// A server is an edge.Server that serves a listener until the test ends.
type server struct {
	*edge.Server
	on *edge.Listener

	mu     sync.Mutex
	faults []*wire.Fault
}

func serve(t testing.TB, opts edge.Options, ln net.Listener, handle func(*edge.Conn)) *server {
	t.Helper()
	return serveWith(t, opts, ln, handle, func(*edge.Server, *edge.Listener) {})
}

// serveWith is serve after a change.
func serveWith(t testing.TB, opts edge.Options, ln net.Listener, handle func(*edge.Conn), change func(*edge.Server, *edge.Listener)) *server {
	t.Helper()
	s := &server{on: edge.NewListener("test", ln)}
	s.Server = edge.NewServer(opts, handle, func(f *wire.Fault, _ netip.Addr) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = append(s.faults, f)
	})
	change(s.Server, s.on)
	served := make(chan error, 1)
	go func() { served <- s.Serve(s.on) }()
	t.Cleanup(func() {
		s.on.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Drain(ctx); err != nil {
			t.Errorf("Drain: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if n := s.on.Open(); n != 0 {
			t.Errorf("%d connections are still counted", n)
		}
	})
	return s
}

func loopback(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func dial(t testing.TB, ln net.Listener) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// content reads the content of a connection's request.
type content struct{ *edge.Conn }

func (c content) Read(p []byte) (int, error) { return c.ReadContent(p) }

// echo answers with the request line and the content, or with the fault in it.
func echo(c *edge.Conn) {
	body, err := io.ReadAll(content{c})
	var fault *wire.Fault
	if errors.As(err, &fault) {
		c.CloseAfter()
		c.Send(edge.AppendRefusal(nil, fault))
		return
	}
	if err != nil {
		return
	}
	answer(c, append(fmt.Appendf(nil, "%s %s%s ", c.Request.Method, c.Request.Path, c.Request.Query), body...))
}

// ignore answers with the request line, and leaves the content.
func ignore(c *edge.Conn) {
	answer(c, fmt.Appendf(nil, "%s %s", c.Request.Method, c.Request.Path))
}

func answer(c *edge.Conn, body []byte) {
	head := edge.AppendStatusLine(nil, 200)
	if c.WillClose() {
		head = append(head, "Connection: close\r\n"...)
	}
	head = fmt.Appendf(head, "Content-Length: %d\r\n\r\n", len(body))
	c.Send(append(head, body...))
}

// play sends octets, ends its side, and returns everything that comes back.
func play(t testing.TB, ln net.Listener, octets string) string {
	t.Helper()
	c := dial(t, ln)
	defer c.Close()
	// The server may have closed its side already: what it has to say is what counts.
	io.WriteString(c, octets)
	c.CloseWrite()
	back, err := io.ReadAll(c)
	if err != nil {
		return string(back) + "(" + err.Error() + ")"
	}
	return string(back)
}

// statuses returns the status codes of a sequence of responses whose contents hold none.
func statuses(responses string) (list []string) {
	for rest := []byte(responses); ; {
		_, after, found := bytes.Cut(rest, []byte("HTTP/1.1 "))
		if !found || len(after) < 3 {
			return list
		}
		list, rest = append(list, string(after[:3])), after
	}
}
