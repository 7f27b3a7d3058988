package upstream_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what should happen at once. It is never waited for in a test that passes.
const patience = time.Minute

// options are those of most tests: nothing happens because of the time.
func options() upstream.Options {
	return upstream.Options{
		MaxConnections: 16, MaxQueue: 16, QueueTimeout: patience, ConnectTimeout: patience,
		FirstByteTimeout: patience, IdleTimeout: patience, KeepAlive: patience,
	}
}

// A server runs one function for each connection, until the test ends.
type server struct {
	net.Listener
	opened atomic.Int64
	done   sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func serve(t testing.TB, converse func(*peer)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: ln}
	s.done.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			n := int(s.opened.Add(1))
			s.done.Go(func() {
				defer c.Close()
				converse(&peer{TCPConn: c.(*net.TCPConn), r: bufio.NewReaderSize(c, 64<<10), n: n})
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.done.Wait()
	})
	return s
}

// A peer is the upstream's end of a connection, the n-th.
type peer struct {
	*net.TCPConn
	r *bufio.Reader
	n int
}

// head reads the head of a request, or returns nil if the connection has ended.
func (p *peer) head() *http.Request {
	req, err := http.ReadRequest(p.r)
	if err != nil {
		return nil
	}
	return req
}

// request reads a whole request.
func (p *peer) request() (*http.Request, string) {
	req := p.head()
	if req == nil {
		return nil, ""
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, ""
	}
	return req, string(body)
}

func (p *peer) say(s string) { io.WriteString(p, s) }

// reset closes the connection so that the other end notices.
func (p *peer) reset() {
	p.SetLinger(0)
	p.Close()
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// answer serves ok until the connection ends.
func answer(p *peer) {
	for {
		if req, _ := p.request(); req == nil {
			return
		}
		p.say(ok)
	}
}

func (s *server) address() upstream.Address {
	return upstream.Address{Label: s.Addr().String(), Network: "tcp", Dial: s.Addr().String()}
}

// pool returns an upstream of servers.
func pool(t testing.TB, opts upstream.Options, servers ...*server) *upstream.Upstream {
	t.Helper()
	var list []upstream.Address
	for _, s := range servers {
		list = append(list, s.address())
	}
	u := upstream.New("test", list, opts)
	u.Start()
	t.Cleanup(func() {
		u.Stop()
		for i, e := range u.Endpoints() {
			if n := e.InFlight(); n != 0 {
				t.Errorf("endpoint %d: %d exchanges are still counted", i, n)
			}
			if n := e.Waiting(); n != 0 {
				t.Errorf("endpoint %d: %d still wait", i, n)
			}
		}
	})
	return u
}

// A trip is an exchange and when it must have ended.
type trip struct {
	transport.Exchange
	Deadline time.Time
}

// do makes an exchange, up to the head of the response.
func do(u *upstream.Upstream, x *trip) error {
	a := upstream.Attempts{To: u, Deadline: x.Deadline, Idempotent: upstream.IsIdempotent(x.Method)}
	a.Begin()
	return x.Exchange.Do(&a)
}

func request(method string, content string) *trip {
	x := &trip{Exchange: transport.Exchange{Method: []byte(method), Now: time.Now()}}
	x.Head = fmt.Appendf(nil, "%s / HTTP/1.1\r\nHost: h\r\n", method)
	if content != "" {
		x.Head = fmt.Appendf(x.Head, "Content-Length: %d\r\n", len(content))
		x.Content = []byte(content)
	}
	x.Head = append(x.Head, '\r', '\n')
	return x
}

// run makes an exchange and returns the whole response.
func run(u *upstream.Upstream, x *trip) (status int, content string, err error) {
	if err := do(u, x); err != nil {
		return 0, "", err
	}
	defer func() { x.End(time.Now()) }()
	status = x.Response.Status
	for {
		data, err := x.Next()
		content += string(data)
		if err == io.EOF {
			return status, content, nil
		}
		if err != nil {
			return status, content, err
		}
	}
}

// get makes an exchange that has to succeed.
func get(t testing.TB, u *upstream.Upstream) {
	t.Helper()
	if status, content, err := run(u, request("GET", "")); status != 200 || content != "ok" || err != nil {
		t.Fatalf("GET: %d %q, %v", status, content, err)
	}
}

// wantError compares the error of Do.
func wantError(t testing.TB, err error, status int, class string) {
	t.Helper()
	var failed *upstream.Error
	if !errors.As(err, &failed) || failed.Status != status || failed.Class != class {
		t.Errorf("error %v, want status %d, class %s", err, status, class)
	}
}
