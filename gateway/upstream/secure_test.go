package upstream_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/pires/go-proxyproto"
)

// certified returns the certificate that net/http/httptest has for 127.0.0.1 and example.com, and a
// pool that holds its authority.
func certified(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

// secured serves TLS connections until the test ends, and returns an upstream of that server whose
// certificate is to bear name.
func secured(t testing.TB, cfg *tls.Config, name string, opts upstream.Options, converse func(*tls.Conn, *bufio.Reader)) (*upstream.Upstream, *server) {
	t.Helper()
	certificate, authorities := certified(t)
	if len(cfg.Certificates) == 0 {
		cfg.Certificates = []tls.Certificate{certificate}
	}
	s := serve(t, func(p *peer) {
		c := tls.Server(ending{p.TCPConn}, cfg)
		if c.Handshake() == nil {
			converse(c, bufio.NewReader(c))
		}
	})
	if opts.TLS == nil {
		opts.TLS = &tls.Config{RootCAs: authorities}
	}
	a := s.address()
	a.ServerName = name
	u := upstream.New("test", []upstream.Address{a}, opts)
	u.Start()
	t.Cleanup(u.Stop)
	return u, s
}

func answerTLS(c *tls.Conn, r *bufio.Reader) {
	for {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		io.WriteString(c, ok)
	}
}

// TestTLS: one connection serves many requests, offers http/1.1 alone, and its session is resumed
// by the next.
func TestTLS(t *testing.T) {
	states := make(chan tls.ConnectionState, 3)
	cfg := &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	u, s := secured(t, cfg, "127.0.0.1", options(), func(c *tls.Conn, r *bufio.Reader) {
		states <- c.ConnectionState()
		for range 3 {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			io.WriteString(c, ok)
		}
	})
	for range 4 {
		get(t, u)
	}
	if n := s.opened.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	first, second := <-states, <-states
	if first.NegotiatedProtocol != "http/1.1" || first.Version != tls.VersionTLS13 || first.DidResume {
		t.Errorf("the first connection is %q, version %x, resumed: %t", first.NegotiatedProtocol, first.Version, first.DidResume)
	}
	if !second.DidResume {
		t.Error("the second connection did not resume the session of the first")
	}
}

// TestTLSRefuses: what a server cannot prove, or speaks too old a version, is a 502 of class connect.
func TestTLSRefuses(t *testing.T) {
	f := func(name string, cfg *tls.Config, opts upstream.Options, want string) {
		t.Helper()
		u, _ := secured(t, cfg, name, opts, answerTLS)
		_, _, err := run(u, request("GET", ""))
		wantError(t, err, 502, upstream.ClassConnect)
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	none := options()
	none.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	f("127.0.0.1", &tls.Config{}, none, "unknown authority")
	f("other.example", &tls.Config{}, options(), "not other.example")
	f("192.0.2.1", &tls.Config{}, options(), "192.0.2.1")
	f("example.com", &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, options(), "version")
	f("example.com", &tls.Config{NextProtos: []string{"acme-tls/1"}}, options(), "protocol")
}

// TestTLSSilence: a server that accepts and never shakes hands costs connect_timeout.
func TestTLSSilence(t *testing.T) {
	opts := options()
	opts.ConnectTimeout = 50 * time.Millisecond
	s := serve(t, func(p *peer) { io.Copy(io.Discard, p.r) })
	a := s.address()
	a.ServerName = "example.com"
	u := upstream.New("test", []upstream.Address{a}, opts)
	_, _, err := run(u, request("GET", ""))
	wantError(t, err, 502, upstream.ClassConnect)
}

// TestTLSNotReused: octets that TLS has decrypted beyond a response are as bad as octets on the
// socket, and so is the end of the connection.
func TestTLSNotReused(t *testing.T) {
	f := func(name string, after func(*tls.Conn), first string) {
		t.Helper()
		ended := make(chan struct{})
		turn := 0
		u, s := secured(t, &tls.Config{}, "example.com", options(), func(c *tls.Conn, r *bufio.Reader) {
			if turn++; turn > 1 {
				answerTLS(c, r)
				return
			}
			http.ReadRequest(r)
			io.WriteString(c, first) // in one record
			<-ended
			after(c)
			ended <- struct{}{}
			r.ReadByte()
		})
		if status, _, err := run(u, request("GET", "")); status != 200 || err != nil {
			t.Fatalf("%s: %d, %v", name, status, err)
		}
		hears(t, u, func() {
			ended <- struct{}{}
			<-ended
		})
		if status, content, err := run(u, request("POST", "x")); status != 200 || content != "ok" || err != nil {
			t.Errorf("%s: the next exchange is %d %q, %v", name, status, content, err)
		}
		if n := s.opened.Load(); n != 2 {
			t.Errorf("%s: %d connections, want 2", name, n)
		}
	}
	nothing := func(*tls.Conn) {}
	// More than the buffer of a connection, so that the rest stays within crypto/tls.
	large := "HTTP/1.1 200 OK\r\nContent-Length: 4040\r\n\r\n" + strings.Repeat("x", 4040)
	f("a response that nobody asked for, in one record", nothing, large+strings.Repeat("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 50))
	f("surplus in a record of its own", func(c *tls.Conn) { io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") }, ok)
	f("close_notify", func(c *tls.Conn) { c.CloseWrite() }, ok)
	f("a FIN without one", func(c *tls.Conn) { c.NetConn().(interface{ CloseWrite() error }).CloseWrite() }, ok)
}

// TestTLSCut: content that ends with the connection ends with close_notify; without it anybody on
// the way may have cut it. See RFC 9112, section 9.8.
func TestTLSCut(t *testing.T) {
	f := func(end func(*tls.Conn), want error) {
		t.Helper()
		u, _ := secured(t, &tls.Config{}, "example.com", options(), func(c *tls.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nhello")
			end(c)
		})
		if _, content, err := run(u, request("GET", "")); content != "hello" || !errors.Is(err, want) {
			t.Errorf("%q, %v, want hello, %v", content, err, want)
		}
	}
	f(func(c *tls.Conn) { c.Close() }, nil)
	f(func(c *tls.Conn) { c.NetConn().Close() }, conn.ErrNoGoodbye)
}

// TestTLSFarewell: an idle connection that is closed says so, one that is broken off does not.
func TestTLSFarewell(t *testing.T) {
	ends := make(chan error, 1)
	converse := func(c *tls.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, ok)
		_, err := r.ReadByte()
		ends <- err
	}
	u, _ := secured(t, &tls.Config{}, "example.com", options(), converse)
	get(t, u)
	u.Stop()
	if err := <-ends; err != io.EOF {
		t.Errorf("the idle connection ended with %v, want close_notify", err)
	}
	u, _ = secured(t, &tls.Config{}, "example.com", options(), converse)
	x := request("GET", "")
	if err := do(u, x); err != nil {
		t.Fatal(err)
	}
	x.End(time.Now()) // its content was not read
	if err := <-ends; err == io.EOF {
		t.Error("the exchange that was broken off ended with close_notify")
	}
}

// buffered is a connection of which some may have been read.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// TestProxyHeader: each connection begins with who it is for, before TLS, and is used once.
func TestProxyHeader(t *testing.T) {
	certificate, authorities := certified(t)
	headers := make(chan *proxyproto.Header, 2)
	f := func(secure bool, source, target net.Addr, want string) {
		t.Helper()
		s := serve(t, func(p *peer) {
			h, err := proxyproto.Read(p.r)
			if err != nil {
				t.Errorf("no PROXY header: %v", err)
				return
			}
			headers <- h
			if secure {
				c := tls.Server(buffered{p.TCPConn, p.r}, &tls.Config{Certificates: []tls.Certificate{certificate}})
				answerTLS(c, bufio.NewReader(c))
				return
			}
			answer(p)
		})
		opts := options()
		opts.SendProxy, opts.TLS = true, &tls.Config{RootCAs: authorities}
		a := s.address()
		if secure {
			a.ServerName = "example.com"
		}
		u := upstream.New("test", []upstream.Address{a}, opts)
		defer u.Stop()
		for range 2 {
			x := request("GET", "")
			x.Source, x.Target = source, target
			if status, _, err := run(u, x); status != 200 || err != nil {
				t.Fatalf("%d, %v", status, err)
			}
			h := <-headers
			got := "LOCAL"
			if h.Command.IsProxy() {
				got = h.SourceAddr.String() + " " + h.DestinationAddr.String()
			}
			if h.Version != 2 || got != want {
				t.Errorf("version %d, %s, want 2, %s", h.Version, got, want)
			}
		}
		if n := s.opened.Load(); n != 2 {
			t.Errorf("%d connections for 2 requests", n)
		}
	}
	tcp := func(s string) net.Addr { a, _ := net.ResolveTCPAddr("tcp", s); return a }
	f(false, tcp("192.0.2.1:4711"), tcp("198.51.100.1:80"), "192.0.2.1:4711 198.51.100.1:80")
	f(true, tcp("192.0.2.1:4711"), tcp("198.51.100.1:80"), "192.0.2.1:4711 198.51.100.1:80")
	f(false, tcp("[2001:db8::1]:4711"), tcp("[2001:db8::2]:80"), "[2001:db8::1]:4711 [2001:db8::2]:80")
	f(false, &net.UnixAddr{Net: "unix"}, &net.UnixAddr{Net: "unix", Name: "/run/edge.sock"}, "LOCAL")
}

// An ending is a TCP connection whose end is not the end of TLS, as in package conn.
type ending struct{ *net.TCPConn }

func (c ending) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err == io.EOF {
		err = conn.ErrNoGoodbye
	}
	return n, err
}
