package gateway_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// An abandoned upstream reads one request, says what it is told, and waits for the end of its connection.
type abandoned struct {
	net.Listener
	arrived chan bool
	ended   chan error
}

func newAbandoned(t *testing.T, begins string) *abandoned {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &abandoned{ln, make(chan bool), make(chan error, 1)}
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		if req, err := http.ReadRequest(r); err == nil {
			io.Copy(io.Discard, req.Body)
		}
		io.WriteString(c, begins)
		a.arrived <- true
		_, err = r.ReadByte()
		a.ended <- err
	}()
	t.Cleanup(func() { ln.Close() })
	return a
}

func (a *abandoned) config() string {
	return "[upstream.api]\nendpoints = [\"http://" + a.Addr().String() + "\"]\n[route.api]\nupstream = \"api\"\ntimeout = \"0s\"\n"
}

// end waits for the end of the upstream's connection after leave. No time is too long here: how long it takes is logged.
func (a *abandoned) end(t *testing.T, leave func()) {
	t.Helper()
	start := time.Now()
	leave()
	select {
	case err := <-a.ended:
		if err == nil {
			t.Error("the upstream was sent more")
		}
		t.Logf("after %v", time.Since(start).Round(time.Millisecond))
	case <-time.After(patience):
		t.Error("the upstream works for nobody")
	}
}

// TestClientGone: on either engine a client that resets its connection, closes it, or ends its side, has the exchange
// with the upstream end: while that thinks about the response, before and after an upload, and in the midst of it.
func TestClientGone(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, c := range []struct{ title, request, begins string }{
		{"waiting", get, ""},
		{"waiting with a second request", get + get, ""},
		{"after an upload", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("u", 100_000), ""},
		{"after chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + strings.Repeat("u", 100_000) + "\r\n0\r\n\r\n", ""},
		{"in the midst", get, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"},
		{"in the midst, after an upload", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("u", 100_000), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"},
	} {
		for how, leave := range map[string]func(clientConn){
			"reset":      func(nc clientConn) { nc.SetLinger(0); closeSocket(nc) },
			"close":      func(nc clientConn) { nc.Close() },
			"half-close": func(nc clientConn) { closeWriteSocket(nc) },
		} {
			for _, engine := range []string{looped, blocking, secure, secureBlocking} {
				t.Run(fmt.Sprintf("%s/%s/%s", c.title, how, engine), func(t *testing.T) {
					a := newAbandoned(t, c.begins)
					g, address := serveOn(t, engine, a.config())
					nc := dial(t, address)
					io.WriteString(nc, c.request)
					<-a.arrived
					if c.begins != "" {
						if _, err := nc.Read(make([]byte, 1)); err != nil {
							t.Fatal(err)
						}
					}
					a.end(t, func() { leave(nc) })
					until(t, "nothing is in flight", func() bool { return sample(t, g, `corsgate_in_flight`) == 0 })
					if c.begins == "" {
						counted(t, g, `corsgate_requests_total{code_class="4xx"}{route="api"}`, 1)
					}
				})
			}
		}
	}
}

// closeSocket closes a connection without a goodbye of TLS.
func closeSocket(c clientConn) {
	if s, ok := c.(secureConn); ok {
		s.tcp.Close()
		return
	}
	c.Close()
}

// closeWriteSocket ends a client's side, of TLS and of what is under it.
func closeWriteSocket(c clientConn) {
	c.CloseWrite()
	if s, ok := c.(secureConn); ok {
		s.tcp.CloseWrite()
	}
}

// TestHTTP2ClientGone: so it is with a stream that is reset, and with all streams of a connection that ends.
func TestHTTP2ClientGone(t *testing.T) {
	for how, leave := range map[string]func(*framed){
		"RST_STREAM":       func(f *framed) { f.WriteRSTStream(1, http2.ErrCodeCancel) },
		"GOAWAY and close": func(f *framed) { f.WriteGoAway(0, http2.ErrCodeNo, nil); f.c.Close() },
		"close":            func(f *framed) { f.c.Close() },
		"reset": func(f *framed) {
			tcp := f.c.(*tls.Conn).NetConn().(*net.TCPConn)
			tcp.SetLinger(0)
			tcp.Close()
		},
	} {
		for _, upload := range []bool{false, true} {
			for _, begins := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"} {
				t.Run(fmt.Sprintf("%s/upload=%t/begun=%t", how, upload, begins != ""), func(t *testing.T) {
					a := newAbandoned(t, begins)
					g, address := serveOn(t, secure, a.config())
					f := frames(t, address)
					if upload {
						f.ask(1, false, ":method", "POST", ":scheme", "https", ":authority", "h", ":path", "/")
						f.WriteData(1, true, make([]byte, 16<<10))
					} else {
						f.ask(1, true, ":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/")
					}
					<-a.arrived
					a.end(t, func() { leave(f) })
					until(t, "nothing is in flight", func() bool { return sample(t, g, `corsgate_in_flight`) == 0 })
					f.c.Close()
				})
			}
		}
	}
}

// TestClientGoneBefore: so it is before anything was sent, while the request waits for a connection, or for a handshake.
// The times for these are not what ends it.
func TestClientGoneBefore(t *testing.T) {
	m := newDouble(t, reply{mute: true})
	const bounds = "connect_timeout = \"1h\"\nqueue_timeout = \"1h\"\nmax_connections = 1\n"
	for what, config := range map[string]string{
		"queue":     "[upstream.api]\nendpoints = [\"" + m.url() + "\"]\n" + bounds + "[route.api]\nupstream = \"api\"\ntimeout = \"0s\"\n",
		"handshake": "[upstream.api]\nendpoints = [\"" + strings.Replace(m.url(), "http", "https", 1) + "\"]\n" + bounds + "[route.api]\nupstream = \"api\"\ntimeout = \"0s\"\n",
	} {
		for _, engine := range []string{looped, blocking, secure} {
			t.Run(what+"/"+engine, func(t *testing.T) {
				g, address := serveOn(t, engine, config)
				first := dial(t, address)
				io.WriteString(first, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				inFlight := func(n float64) {
					t.Helper()
					until(t, fmt.Sprint(n, " are in flight"), func() bool { return sample(t, g, `corsgate_in_flight`) == n })
				}
				inFlight(1)
				for _, leave := range []func(clientConn){
					func(nc clientConn) { nc.SetLinger(0); closeSocket(nc) },
					func(nc clientConn) { nc.Close() },
					closeWriteSocket,
				} {
					nc := dial(t, address)
					io.WriteString(nc, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
					inFlight(2)
					leave(nc)
					inFlight(1)
				}
				first.Close()
				inFlight(0)
				counted(t, g, `corsgate_requests_total{code_class="4xx"}{route="api"}`, 4)
			})
		}
	}
}
