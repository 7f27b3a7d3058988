//go:build linux

package loop_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
)

// TestResponses: each framing, for each version and method, at once and octet by octet.
func TestResponses(t *testing.T) {
	var says, ends atomic.Value
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			text := says.Load().(string)
			for step := 1; text != ""; {
				if strings.HasPrefix(text, "|") {
					text, step = text[1:], len(text)
				}
				n := min(step, len(text))
				io.WriteString(c, text[:n])
				text = text[n:]
			}
			if ends.Load().(bool) {
				return
			}
		}
	})
	r := begin(t, nil, up.at())
	f := func(method, text string, closes bool, want, want10 string) {
		t.Helper()
		for version, want := range []string{want10, want} {
			for _, prefix := range []string{"|", ""} {
				says.Store(prefix + text)
				ends.Store(closes)
				c, read := r.dial(t)
				for range 2 {
					write(t, c, fmt.Sprintf("%s / HTTP/1.%d\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", method, version))
					if got := answer(t, read, method); got != want && got != strings.TrimSuffix(want, " ends") {
						t.Errorf("%s HTTP/1.%d, %q: %q, want %q", method, version, text, got, want)
					}
					if strings.HasSuffix(want, " ends") {
						over(t, read, nil)
						break
					}
				}
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	f("GET", ok+"Content-Length: 5\r\n\r\nhello", false, "200 hello", "200 hello")
	f("GET", ok+"Content-Length: 0\r\n\r\n", false, "200 ", "200 ")
	f("GET", ok+"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", false, "200 hello", "200 hello ends")
	f("GET", ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, "200 ", "200  ends")
	f("GET", ok+"\r\nhello", true, "200 hello", "200 hello ends")
	f("GET", ok+"\r\n", true, "200 ", "200  ends")
	f("GET", "HTTP/1.0 200 OK\r\n\r\nhello", true, "200 hello", "200 hello ends")
	f("GET", "HTTP/1.1 204 No Content\r\n\r\n", false, "204 ", "204 ")
	f("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, "304 ", "304 ")
	f("HEAD", ok+"Content-Length: 5\r\n\r\n", false, "200 ", "200 ")
	f("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+ok+"Content-Length: 5\r\n\r\nhello", false, "200 hello", "200 hello")
	// Broken ones, before anything went on.
	const malformed = "502 malformed"
	f("GET", "NONSENSE\r\n\r\n", true, malformed, malformed)
	f("GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", true, malformed, malformed)
	f("GET", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", conn.MaxInterim+1), true, malformed, malformed)
	f("GET", ok+"Content-Length: 5\r\n", true, "502 broken", "502 broken")
}

// TestCut: a response that breaks off is seen to.
func TestCut(t *testing.T) {
	f := func(version int, text, want string) {
		t.Helper()
		up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(c, text)
			r.ReadByte() // until the client has seen the beginning
		})
		r := begin(t, func(r *trial) { r.to.IdleTimeout = 20 * time.Millisecond }, up.at())
		c, read := r.dial(t)
		write(t, c, fmt.Sprintf("GET / HTTP/1.%d\r\nHost: h\r\n\r\n", version))
		expect(t, read, want)
		if r.cuts.Load() != 1 {
			t.Errorf("%d responses were cut, want 1", r.cuts.Load())
		}
	}
	f(1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "200 hel cut")
	f(1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "200 hel cut")
	f(1, "HTTP/1.1 200 OK\r\n\r\nhel", "200 hel cut")
	f(0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "200 hel cut ends")
	f(0, "HTTP/1.1 200 OK\r\n\r\nhel", "200 hel cut ends") // by a reset
}

// TestSurplus: a connection on which too much has come is not used again, and what came is nobody's.
func TestSurplus(t *testing.T) {
	f := func(text string) {
		t.Helper()
		up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
			for {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				io.WriteString(c, text)
			}
		})
		r := begin(t, nil, up.at())
		c, read := r.dial(t)
		for i := range 5 {
			write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			expect(t, read, "200 hello")
			until(t, "the connection is closed", func() bool { return r.counts().Idle == 0 })
			if n := up.conns.Load(); n != int64(i+1) {
				t.Fatalf("%d connections for %d requests", n, i+1)
			}
		}
	}
	const smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	f("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + smuggled)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + smuggled)
	f("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
}

// TestReplay: a request that met the end of an idle connection is made again if that is safe, and
// only then. No POST is seen twice.
func TestReplay(t *testing.T) {
	var posts, gets atomic.Int64
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		for first := true; ; first = false {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if req.Method == "POST" {
				posts.Add(1)
			} else {
				gets.Add(1)
			}
			if !first {
				return // as if it had closed the idle connection just before
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	r := begin(t, nil, up.at())
	c, read := r.dial(t)
	write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "200 ok")
	write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "200 ok")
	if gets.Load() != 3 {
		t.Errorf("%d GETs, want 3", gets.Load())
	}
	write(t, c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
	expect(t, read, "502 broken")
	if posts.Load() != 1 {
		t.Errorf("%d POSTs, want 1", posts.Load())
	}
	write(t, c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
	expect(t, read, "200 ok")
}

// TestClosedBeforePost: a request that must not be sent twice is not sent on a connection that the endpoint has closed or reset
// already, also if that was so short a time ago that no event has told of it.
func TestClosedBeforePost(t *testing.T) {
	for _, linger := range []int{-1, 0} { // a FIN, a reset
		up := newPeer(t, mirror)
		r := begin(t, func(r *trial) {
			r.began = func(path string) {
				if path != "/second" {
					return
				}
				up.mu.Lock()
				defer up.mu.Unlock()
				last := up.open[len(up.open)-1].(*net.TCPConn)
				last.SetLinger(linger)
				last.Close()
			}
		}, up.at())
		c, read := r.dial(t)
		for _, path := range []string{"/first", "/second", "/third"} {
			write(t, c, "POST "+path+" HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
			expect(t, read, "200 x")
		}
		if n := up.conns.Load(); n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	}
}

// TestUpstreamDeadlines: each wait on an upstream ends, and says how.
func TestUpstreamDeadlines(t *testing.T) {
	asked := make(chan bool, 1)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			asked <- true
		}
		io.Copy(io.Discard, r)
	})
	f := func(change func(*trial), want string) {
		t.Helper()
		r := begin(t, change, up.at())
		c, read := r.dial(t)
		write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /local HTTP/1.1\r\nHost: h\r\n\r\n")
		if <-asked; r.timeout == 0 {
			r.loop.Inside(func() { r.loop.Skip(2 * patience) })
		}
		expect(t, read, want)
		expect(t, read, "200 /local")
	}
	f(func(r *trial) { r.endless(); r.to.FirstByteTimeout = patience }, "504 first-byte")
	f(func(r *trial) { r.endless(); r.timeout = 2 * time.Second }, "504 timeout")
}

// TestKeepAlive: idle connections are closed in time.
func TestKeepAlive(t *testing.T) {
	f := func(keep time.Duration) {
		t.Helper()
		ended := make(chan error, 1)
		up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
			mirror(c, r)
			ended <- nil
		})
		r := begin(t, func(r *trial) { r.to.KeepAlive = keep }, up.at())
		c, read := r.dial(t)
		write(t, c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
		expect(t, read, "200 /x")
		<-ended
	}
	f(0)
	f(20 * time.Millisecond)
}

// TestQueue: beyond max_connections requests wait, beyond max_queue and queue_timeout they fail.
func TestQueue(t *testing.T) {
	arrived, goOn := make(chan bool), make(chan bool)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			arrived <- true
			<-goOn
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%s", req.URL)
		}
	})
	r := begin(t, func(r *trial) { r.to.MaxConnections, r.to.MaxQueue = 1, 2 }, up.at())
	var reads []*bufio.Reader
	for i := range 3 {
		c, read := r.dial(t)
		write(t, c, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i))
		if i == 0 {
			<-arrived
		}
		until(t, "it is there", func() bool { return r.counts().Queued == i })
		reads = append(reads, read)
	}
	c, read := r.dial(t)
	write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /local HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "503 queue")
	expect(t, read, "200 /local")
	for i, read := range reads { // first come, first served
		goOn <- true
		expect(t, read, fmt.Sprintf("200 /%d", i))
		if i < 2 {
			<-arrived
		}
	}
	if up.conns.Load() != 1 {
		t.Errorf("%d connections, want 1", up.conns.Load())
	}

	r = begin(t, func(r *trial) {
		r.to.MaxConnections, r.to.MaxQueue, r.to.QueueTimeout = 1, 2, 20*time.Millisecond
	}, up.at())
	busy, readBusy := r.dial(t)
	write(t, busy, "GET /0 HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	c, read = r.dial(t)
	write(t, c, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "503 queue")
	goOn <- true
	expect(t, readBusy, "200 /0")
}

// TestEndpoints: by name, on a Unix socket, and another one if the first cannot be reached.
func TestEndpoints(t *testing.T) {
	up := newPeer(t, mirror)
	_, port, _ := net.SplitHostPort(up.at())
	path := t.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	servePeer(t, ln, mirror)
	f := func(want string, endpoints ...upstream.Address) {
		t.Helper()
		r := begin(t, func(r *trial) { r.endpoints = endpoints })
		for range 20 {
			c, read := r.dial(t)
			write(t, c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
			expect(t, read, want)
		}
	}
	dead := upstream.Address{Network: "tcp", Dial: tooltest.Refusing(t)}
	if _, err := net.LookupHost("localhost"); err == nil { // a root without /etc/hosts knows no name
		f("200 /x", upstream.Address{Network: "tcp", Dial: "localhost:" + port})
	}
	f("200 /x", upstream.Address{Network: "unix", Dial: path})
	f("200 /x", dead, upstream.Address{Network: "tcp", Dial: up.at()})
	f("502 connect", dead)
	f("502 connect", dead, dead)
	f("503 nowhere")
}

// TestChangingEndpoints: requests go where the endpoints are now, and connections to those that
// have left are closed.
func TestChangingEndpoints(t *testing.T) {
	ended := make(chan bool, 1)
	old := newPeer(t, func(c net.Conn, r *bufio.Reader) { mirror(c, r); ended <- true })
	r := begin(t, nil, old.at())
	c, read := r.dial(t)
	write(t, c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "200 /x")
	next := newPeer(t, mirror)
	r.upstream.Load().SetEndpoints([]upstream.Address{{Network: "tcp", Dial: next.at()}})
	<-ended
	write(t, c, "GET /y HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "200 /y")
	if next.conns.Load() != 1 {
		t.Errorf("%d connections to the new endpoint, want 1", next.conns.Load())
	}
}
