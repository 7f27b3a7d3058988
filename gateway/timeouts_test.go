package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
)

// newFull returns the address of a server whose queue of connections is full: one more waits, in vain.
func newFull(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		t.Cleanup(func() { syscall.Close(fd) })
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 100 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if waited := net.Error(nil); errors.As(err, &waited) && waited.Timeout() {
			// It may have been the machine that was busy.
			if c, err = net.DialTimeout("tcp", address, 200*time.Millisecond); errors.As(err, &waited) && waited.Timeout() {
				return address
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("its queue is never full")
	return ""
}

// TestTimeouts: each wait has a bound, and what happens when that is reached has a status and a reason, which the client,
// the access log and the metrics agree on.
func TestTimeouts(t *testing.T) {
	const short = `"2s"` // in which all that comes before the wait is to happen
	full := newFull(t)
	silent := newDouble(t, reply{mute: true})
	begun := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(r)                                  // it shows
		io.WriteString(c, "HTTP/1.1 200 OK\r\nCont") // the client will see
		io.Copy(io.Discard, r)                       // until it is given up
	})
	half := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(r) // it shows
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
		io.Copy(io.Discard, r) // until it is given up
	})
	halfEvents := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(r) // it shows
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata\n\n\r\n")
		io.Copy(io.Discard, r) // until it is given up
	})
	for _, c := range []struct {
		name, endpoint, upstream, route string
		request                         string // "": a GET
		first                           string // the target of a request that is under way before
		status                          int
		reason                          string // of the access log
		class                           string // of upstream_failures_total; "": none is counted
		cut                             bool   // the response is, visibly
	}{
		{name: "connect", endpoint: full, upstream: "connect_timeout = " + short, status: 502, reason: "connect", class: "connect"},
		{name: "whole exchange, connecting", endpoint: full, route: "timeout = " + short, status: 504, reason: "connect", class: "connect"},
		{name: "first byte", endpoint: silent.url(), upstream: "first_byte_timeout = " + short, status: 504, reason: "first-byte", class: "first-byte"},
		{name: "first byte, head not whole", endpoint: begun, upstream: "first_byte_timeout = " + short, status: 504, reason: "first-byte", class: "first-byte"},
		{name: "whole exchange, waiting", endpoint: silent.url(), route: "timeout = " + short, status: 504, reason: "timeout", class: "timeout"},
		{name: "idle", endpoint: half, upstream: "idle_timeout = " + short, status: 200, reason: "cut", class: "cut", cut: true},
		{name: "whole exchange, response begun", endpoint: half, route: "timeout = " + short, status: 200, reason: "timeout", cut: true},
		{name: "idle stream", endpoint: halfEvents, upstream: "idle_timeout = " + short, status: 200, reason: "idle", cut: true},
		{name: "idle stream, by its route", endpoint: halfEvents, route: "idle_timeout = " + short, status: 200, reason: "idle", cut: true},
		{name: "queue", upstream: "max_connections = 1\nqueue_timeout = " + short, first: "/first", status: 503, reason: "queue", class: "queue"},
		{name: "queue, full", upstream: "max_connections = 1\nmax_queue = 0", first: "/first", status: 503, reason: "queue", class: "queue"},
		{name: "whole exchange, queued", upstream: "max_connections = 1\nqueue_timeout = \"1h\"", route: "timeout = " + short,
			first: "/first", status: 503, reason: "queue", class: "queue"},
		{name: "client's content", endpoint: silent.url(), request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel",
			status: 408, reason: "timeout"},
		{name: "content too large", endpoint: silent.url(), route: "body_bytes = 4", request: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
			status: 413, reason: "content-size"},
		{name: "chunks too large", endpoint: silent.url(), route: "body_bytes = 4",
			request: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", status: 413, reason: "content-size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, engine string) {
				t.Parallel()
				c, busy := c, newDouble(t, reply{mute: true})
				if c.first != "" {
					c.endpoint = busy.url()
				}
				if !strings.Contains(c.endpoint, "://") {
					c.endpoint = "http://" + c.endpoint
				}
				text := fmt.Sprintf("[timeouts]\nbody_idle = "+short+"\n[log]\naccess = \"all\"\n[upstream.api]\nendpoints = [%q]\nretries = 0\n%s\n"+
					"[upstream.api.ejection]\nfailures = 0\n[route.api]\npath = \"/\"\nupstream = \"api\"\n%s\n[route.first]\npath = \"/first\"\nupstream = \"api\"\n",
					c.endpoint, c.upstream, c.route)
				lines := loggedOf(t, engine, text, func(g *gateway.Gateway, address string) {
					if c.first != "" {
						first := dial(t, address)
						fmt.Fprintf(first, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", c.first)
						<-busy.arrived
						defer first.Close()
						defer first.SetLinger(0) // a client that only ends its side may wait for its response
					}
					request := c.request
					if request == "" {
						request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
					}
					conn := dial(t, address)
					defer conn.Close()
					io.WriteString(conn, request) // the response shows
					res, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadAll(res.Body); res.StatusCode != c.status || (err != nil) != c.cut {
						t.Errorf("%s, %v, want %d, cut: %t", res.Status, err, c.status, c.cut)
					}
					if after := res.Header.Get("Retry-After"); (after != "") != (c.status == 503 || c.status == 502) {
						t.Errorf("%d with Retry-After %q", c.status, after)
					}
					class := fmt.Sprintf("%dxx", c.status/100)
					soon(t, "it is counted", func() bool {
						return sample(t, g, fmt.Sprintf(`corsgate_requests_total{code_class=%q,route="api"}`, class)) == 1
					})
					for _, line := range metric(g, "corsgate_upstream_failures_total{") {
						want := " 0"
						if c.class != "" && strings.Contains(line, fmt.Sprintf("class=%q", c.class)) {
							want = " 1"
						}
						if !strings.HasSuffix(line, want) {
							t.Errorf("counted %s, want%s", line, want)
						}
					}
				})
				found := false
				for _, l := range lines {
					if l.Route == "api" {
						found = true
						if l.Status != c.status || l.Error != c.reason {
							t.Errorf("logged %d %q, want %d %q", l.Status, l.Error, c.status, c.reason)
						}
					}
				}
				if !found {
					t.Errorf("logged %d lines, none of the request", len(lines))
				}
			})
		})
	}
}
