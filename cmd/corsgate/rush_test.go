//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A rush is clients that make one request after the other until the test has seen enough. Each must
// be answered, with 200.
type rush struct {
	t       *testing.T
	address string
	over    atomic.Bool
	clients sync.WaitGroup

	answered atomic.Int64
	failed   atomic.Int64
	closed   atomic.Int64 // kept connections that the gateway has ended
}

// newRush starts clients that keep their connections, and as many that use each for one request.
func newRush(t *testing.T, url string, clients int) *rush {
	t.Helper()
	r := &rush{t: t, address: strings.TrimPrefix(url, "http://")}
	for i := range 2 * clients {
		r.clients.Go(func() { r.run(i%2 == 0) })
	}
	t.Cleanup(func() { r.over.Store(true); r.clients.Wait() })
	return r
}

// ends waits until at least n requests were answered, and ends the rush.
func (r *rush) ends(n int64) {
	r.t.Helper()
	for r.answered.Load() < n && r.failed.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	r.over.Store(true)
	r.clients.Wait()
	r.t.Logf("%d requests answered, %d failed, %d kept connections ended", r.answered.Load(), r.failed.Load(), r.closed.Load())
}

func (r *rush) run(keep bool) {
	for !r.over.Load() {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			r.fail(err)
			continue
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		in := bufio.NewReader(c)
		for n := 0; !r.over.Load(); n++ {
			last, err := r.ask(c, in, keep, n)
			if err != nil {
				r.fail(fmt.Errorf("request %d of a connection (kept: %v): %w", n, keep, err))
				break
			}
			r.answered.Add(1)
			if last {
				if keep {
					r.closed.Add(1)
				}
				break
			}
			time.Sleep(time.Millisecond)
		}
		c.Close()
	}
}

func (r *rush) fail(err error) {
	r.failed.Add(1)
	r.t.Error(err)
	r.over.Store(true)
}

// ask makes a request, which is answered here or forwarded. It reports whether the connection is to end.
func (r *rush) ask(c net.Conn, in *bufio.Reader, keep bool, n int) (last bool, err error) {
	how := ""
	if !keep {
		how = "Connection: close\r\n"
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", []string{"/here", "/there"}[n%2], how)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return true, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return true, err
	}
	if res.StatusCode != 200 {
		return true, fmt.Errorf("status %d", res.StatusCode)
	}
	return res.Close, nil
}

// rushed is a configuration for a rush: /here is answered by itself, everything else forwarded to up.
func rushed(up, body string) string {
	return fmt.Sprintf("[upstream.up]\nendpoints = [%q]\n[route.here]\npath = \"/here\"\nrespond = { body = %q }\n[route.there]\nupstream = \"up\"\n", up, body)
}

// newUp is an upstream that answers, and agrees to WebSockets, on which it echoes.
func newUp(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, "there") // the test will see
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n") // likewise
		io.Copy(c, rw)                                                                                                                                                   // likewise
	})}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }() // Close ends it
	t.Cleanup(func() { server.Close(); <-done })
	return "http://" + l.Addr().String()
}

// A tunnel is a WebSocket through the gateway to an upstream that echoes.
type tunnel struct {
	net.Conn
	in *bufio.Reader
}

func newTunnel(t *testing.T, url string) tunnel {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Minute))
	io.WriteString(c, "GET /live HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n") // the answer tells
	w := tunnel{c, bufio.NewReader(c)}
	if res, err := http.ReadResponse(w.in, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("WebSocket: %v, %v", res, err)
	}
	return w
}

func (w tunnel) echoes(t *testing.T) {
	t.Helper()
	io.WriteString(w, "hello") // the answer tells
	b := make([]byte, 5)
	if _, err := io.ReadFull(w.in, b); err != nil || string(b) != "hello" {
		t.Errorf("the tunnel: %q, %v", b, err)
	}
}
