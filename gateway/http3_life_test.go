package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// A dialogue is a request that is under way: each octet that is sent comes back.
type dialogue struct {
	to   *io.PipeWriter
	from io.ReadCloser
}

// newDialogue begins a request to an upstream of echoing.
func newDialogue(t *testing.T, client http.RoundTripper, address string) dialogue {
	t.Helper()
	in, out := io.Pipe()
	r, _ := http.NewRequest("POST", "https://"+address+"/", in)
	go out.Write([]byte{'0'})
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	e := dialogue{out, res.Body}
	t.Cleanup(func() { out.Close(); res.Body.Close() })
	e.wants(t, '0')
	return e
}

func (e dialogue) wants(t *testing.T, octet byte) {
	t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(e.from, b[:]); err != nil || b[0] != octet {
		t.Fatalf("%q, %v, want %q", b, err, octet)
	}
}

// asks sends an octet and wants it back.
func (e dialogue) asks(t *testing.T, octet byte) {
	t.Helper()
	if _, err := e.to.Write([]byte{octet}); err != nil {
		t.Fatal(err)
	}
	e.wants(t, octet)
}

// ends ends the request and wants the end of the response.
func (e dialogue) ends(t *testing.T) {
	t.Helper()
	e.to.Close()
	if rest, err := io.ReadAll(e.from); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v, want the end", rest, err)
	}
}

// echoing is an upstream of echoes.
func echoing(t *testing.T) (url string) {
	return newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		control.Flush()
		var b [64]byte
		for {
			n, err := r.Body.Read(b[:])
			w.Write(b[:n])
			control.Flush()
			if err != nil {
				return
			}
		}
	}))
}

// withoutHTTP3 wants nobody to take QUIC connections at address.
func withoutHTTP3(t *testing.T, address string) {
	t.Helper()
	config := authority(t).client()
	config.NextProtos = []string{"h3"}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // nobody may answer at all
	defer cancel()
	if c, err := quic.DialAddr(ctx, address, config, nil); err == nil {
		c.CloseWithError(0, "")
		t.Errorf("%s takes QUIC connections", address)
	}
}

// TestHTTP3Reload: HTTP/3 is switched on, off and on again, and moves, and TCP is left alone; requests under way end.
func TestHTTP3Reload(t *testing.T) {
	url := echoing(t)
	cfg := func(more func(*config.Listener)) *config.Config {
		c := parseFor(t, secure, policy(url, "ONE"))
		c.Listeners[0].Address = "127.0.0.1:0"
		more(&c.Listeners[0])
		return c
	}
	off := func(*config.Listener) {}
	on := func(l *config.Listener) { l.HTTP3 = true }
	g, address := serveConfig(t, cfg(off))
	tcp := http1Client(t)
	fetch(t, tcp, "GET", "https://"+address+"/fixed", nil)
	withoutHTTP3(t, address)

	reload(t, g, cfg(on))
	if g.Addr("http") != address {
		t.Fatalf("at %s, was at %s", g.Addr("http"), address)
	}
	first := http3Client(t)
	under := newDialogue(t, first, address)
	reload(t, g, cfg(func(l *config.Listener) { on(l); l.Engine = "fasthttp" })) // another listener by the same socket
	under.asks(t, '1')
	second := http3Client(t)
	if res := fetch(t, second, "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	next := newDialogue(t, second, address)
	reload(t, g, cfg(off)) // while two connections have requests
	withoutHTTP3(t, address)
	if res := fetch(t, http1Client(t), "GET", "https://"+address+"/fixed", nil); len(res.Header["Alt-Svc"]) > 0 {
		t.Errorf("Alt-Svc: %q", res.Header["Alt-Svc"])
	}
	reload(t, g, cfg(on)) // it is there still
	third := http3Client(t)
	if res := fetch(t, third, "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	for _, e := range []dialogue{under, next} {
		e.asks(t, '2')
		e.ends(t)
	}
	if res := fetch(t, third, "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	reload(t, g, cfg(off))
	third.CloseIdleConnections()
	until(t, "the UDP port is free", func() bool {
		c, err := net.ListenPacket("udp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	reload(t, g, cfg(on))
	if res := fetch(t, http3Client(t), "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}

	// It moves with its listener. The more specific of two addresses gets what comes in while it has connections.
	_, port, _ := net.SplitHostPort(address)
	for _, to := range []string{":" + port, "127.0.0.1:" + port} {
		reload(t, g, cfg(func(l *config.Listener) { on(l); l.Address = config.Address(to) }))
		until(t, "clients come by the new socket", func() bool {
			client := http3Client(t)
			defer client.Close()
			r, _ := http.NewRequest("GET", "https://"+address+"/fixed", nil)
			res, err := client.RoundTrip(r)
			if err != nil {
				return false
			}
			res.Body.Close()
			return res.StatusCode == 200
		})
	}
}

// TestHTTP3PortInUse: somebody else has the UDP port; nothing is served then.
func TestHTTP3PortInUse(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := parseFor(t, three, hello)
	cfg.Listeners[0].Address = config.Address(taken.LocalAddr().String())
	g, err := gateway.New(cfg, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err == nil || !strings.Contains(err.Error(), "cannot listen on "+taken.LocalAddr().String()+": UDP, for http3: the address is in use by another process") {
		t.Error(err)
	}
	refused(t, taken.LocalAddr().String())
}

// TestHTTP3HandedOver: another gateway takes the UDP socket over, and another one from that. Requests under way go on
// in the one that has them, new connections come to the last.
func TestHTTP3HandedOver(t *testing.T) {
	url := echoing(t)
	type process struct {
		*gateway.Gateway
		served, over chan error
	}
	start := func(name string, sockets []gateway.Socket) process {
		t.Helper()
		g, err := gateway.New(parseFor(t, three, policy(url, name)), discard())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(g.Inherit(sockets), g.Listen()); err != nil {
			t.Fatal(err)
		}
		p := process{g, make(chan error, 1), make(chan error, 1)}
		go func() { p.served <- g.Serve() }()
		return p
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	processes := []process{start("ONE", nil)}
	address := processes[0].Addr("http")
	var echoes []dialogue
	for _, name := range []string{"ONE", "TWO", "ONE"} {
		last := processes[len(processes)-1]
		client := http3Client(t)
		if res := fetch(t, client, "GET", "https://"+address+"/fixed", nil); res.content != name {
			t.Errorf("%q, want %s", res.content, name)
		}
		echoes = append(echoes, newDialogue(t, client, address))
		for _, e := range echoes {
			e.asks(t, 'x')
		}
		if len(processes) == 3 {
			break
		}
		// A successor that does not come to serve.
		sockets, err := last.Sockets()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sockets {
			s.File.Close()
		}
		if sockets, err = last.Sockets(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, start(map[string]string{"ONE": "TWO", "TWO": "ONE"}[name], sockets))
		go func() { last.over <- last.HandOver(ctx) }()
		for i, e := range echoes {
			for octet := range 20 {
				e.asks(t, byte(10*i+octet))
			}
		}
	}
	for i, p := range processes {
		echoes[i].ends(t)
		if i == 2 {
			p.over <- p.Shutdown(ctx)
		}
		if err := errors.Join(<-p.over, <-p.served); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		for _, e := range echoes[i+1:] {
			e.asks(t, 'y')
		}
	}
	withoutHTTP3(t, address)
}

// TestHTTP3Certificates: clients get the certificate in force, and have to have one where client_ca says so.
func TestHTTP3Certificates(t *testing.T) {
	dir, ca, clients := t.TempDir(), authority(t), pkitest.NewAuthority(t, "clients")
	ca.server.Write(t, dir, "c")
	cfg := func(more string) *config.Config {
		c := tlsConfig(t, dir, oneCertificate, more)
		c.Listeners[0].HTTP3 = true
		return c
	}
	g, address := serveConfig(t, cfg(""))
	shown := func(own ...tls.Certificate) (serial string, err error) {
		client := http3Client(t)
		defer client.Close()
		client.TLSClientConfig.Certificates = own
		r, _ := http.NewRequest("GET", "https://"+address+"/", nil)
		res, err := client.RoundTrip(r)
		if err != nil {
			return "", err
		}
		res.Body.Close()
		if v := res.TLS.Version; v != tls.VersionTLS13 || res.TLS.NegotiatedProtocol != "h3" {
			t.Errorf("%s, %s", tls.VersionName(v), res.TLS.NegotiatedProtocol)
		}
		return res.TLS.PeerCertificates[0].SerialNumber.String(), nil
	}
	before, err := shown()
	if err != nil {
		t.Fatal(err)
	}
	ca.Issue(t, "gateway.test").Write(t, dir, "c")
	reload(t, g, cfg(""))
	if after, err := shown(); after == before || err != nil {
		t.Errorf("%s after a reload, %v; before it was the same", after, err)
	}
	pkitest.Replace(t, filepath.Join(dir, "ca.pem"), clients.PEM)
	reload(t, g, cfg("client_ca = \"ca.pem\"\n"))
	if _, err := shown(); err == nil {
		t.Error("a client without a certificate got in")
	}
	if _, err := shown(pkitest.NewAuthority(t, "strangers").Issue(t, "client").TLS(t)); err == nil {
		t.Error("a stranger got in")
	}
	if _, err := shown(clients.Issue(t, "client").TLS(t)); err != nil {
		t.Error(err)
	}
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="client-certificate"}`, 2)
	bad := ca.client()
	bad.RootCAs, bad.NextProtos = clients.Pool, []string{"h3"}
	quic.DialAddr(t.Context(), address, bad, nil)
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="refused"}`, 1)
	bad.NextProtos = []string{"h2"}
	quic.DialAddr(t.Context(), address, bad, nil)
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="handshake"}`, 1)
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
}

// TestHTTP3Limits: connections count in all, and for their address, whatever they come by.
func TestHTTP3Limits(t *testing.T) {
	dial := func(address string) (*quic.Conn, error) {
		config := authority(t).client()
		config.NextProtos = []string{"h3"}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := quic.DialAddr(ctx, address, config, nil)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { c.CloseWithError(0, "") })
		return c, nil
	}
	g, address := serveOn(t, three, "[limits]\nconnections = 2\n"+hello)
	tcp := http1Client(t)
	fetch(t, tcp, "GET", "https://"+address+"/", nil)
	c, err := dial(address)
	if err != nil {
		t.Fatal(err)
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 2)
	var refused *quic.TransportError
	if _, err := dial(address); !errors.As(err, &refused) || refused.ErrorCode != quic.ConnectionRefused {
		t.Errorf("a third connection: %v, want that it is refused", err)
	}
	c.CloseWithError(0, "")
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
	if _, err := dial(address); err != nil {
		t.Error(err)
	}

	g, address = serveOn(t, three, "[limits]\nconnections_per_ip = 1\n"+hello)
	if _, err := dial(address); err != nil {
		t.Fatal(err)
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
	c, err = dial(address)
	if err != nil {
		t.Fatal(err)
	}
	var closed *quic.ApplicationError
	if _, err := c.AcceptStream(t.Context()); !errors.As(err, &closed) || http3.ErrCode(closed.ErrorCode) != http3.ErrCodeExcessiveLoad {
		t.Errorf("a second connection of an address: %v", err)
	}
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="address"}`, 1)
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
}

// TestHTTP3Idle: a connection on which no request is under way ends after timeouts.idle, whatever else its client
// does; one on which a request is does not.
func TestHTTP3Idle(t *testing.T) {
	url := echoing(t)
	g, address := serveOn(t, three, "[timeouts]\nidle = \"50ms\"\n"+policy(url, "ONE"))
	busy := newDialogue(t, http3Client(t), address)
	c := dialQUIC(t, address)
	s, err := c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte{1, 50, 0}) // the beginning of a head
	counted(t, g, `corsgate_connections{listener="http"}`, 2)
	var closed *quic.ApplicationError
	if <-c.Context().Done(); !errors.As(context.Cause(c.Context()), &closed) || http3.ErrCode(closed.ErrorCode) != http3.ErrCodeNoError {
		t.Errorf("%v", context.Cause(c.Context()))
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
	busy.asks(t, '1')
	busy.ends(t)
}

// TestHTTP3Floods: a client that opens streams and resets them costs little, and is shown the door.
func TestHTTP3Floods(t *testing.T) {
	var running, most atomic.Int64
	url := newUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-r.Context().Done()
		running.Add(-1)
	}))
	g, address := serveOn(t, three, policy(url, "ONE"))
	c := dialQUIC(t, address)
	head := headersFrame(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")
	for c.Context().Err() == nil {
		s, err := c.OpenStreamSync(t.Context())
		if err != nil {
			break
		}
		s.Write(head)
		s.Close()
		if running.Load() == 0 { // one has come as far as it goes
			time.Sleep(time.Millisecond)
		}
		s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	}
	<-c.Context().Done()
	var closed *quic.ApplicationError
	if cause := context.Cause(c.Context()); !errors.As(cause, &closed) || http3.ErrCode(closed.ErrorCode) != http3.ErrCodeExcessiveLoad {
		t.Errorf("%v", cause)
	}
	counted(t, g, `corsgate_malformed_total{class="resets"}`, 1)
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
	until(t, "the upstream has no requests", func() bool { return running.Load() == 0 })
	if n := most.Load(); n > 200 {
		t.Errorf("%d exchanges at once", n)
	}
}

// TestHTTP3SlowReader: a client that takes no content loses the stream, not more.
func TestHTTP3SlowReader(t *testing.T) {
	const size = 8 << 20 // more than the client's window
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			w.Write(make([]byte, size))
		}
	}))
	_, address := serveOn(t, three, "[timeouts]\nbody_idle = \"100ms\"\n"+policy(url, "ONE"))
	client := http3Client(t)
	r, _ := http.NewRequest("GET", "https://"+address+"/large", nil)
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if n, err := io.Copy(io.Discard, res.Body); err == nil || n == size {
		t.Errorf("%d octets, %v", n, err)
	}
	if res := fetch(t, client, "GET", "https://"+address+"/", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

// TestHTTP3SlowSender: content that does not come in time is answered so.
func TestHTTP3SlowSender(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	_, address := serveOn(t, three, "[timeouts]\nbody_idle = \"50ms\"\nheader = \"100ms\"\n"+policy(d.url(), "ONE"))
	c := dialQUIC(t, address)
	f := func(want string, octets ...byte) {
		t.Helper()
		s, err := c.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write(octets)
		if got := answered(s); got != want {
			t.Errorf("%q: %s, want %s", octets, got, want)
		}
	}
	post := headersFrame(":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h", "content-length", "5")
	f("408", append(post, dataFrame("he")...)...)
	f("408", append(post, dataFrame("hello")...)...) // the stream does not end
	f("reset H3_INTERNAL_ERROR", headersFrame(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")...)
	for _, r := range d.requests() {
		if strings.Contains(r, "\r\n\r\n") {
			t.Errorf("forwarded: %q", r)
		}
	}
}

// TestHTTP3Large: contents larger than all windows, both ways.
func TestHTTP3Large(t *testing.T) {
	const size = 8 << 20
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			io.Copy(w, io.LimitReader(&counting{}, size))
			return
		}
		n, err := io.Copy(&checking{t: t}, r.Body)
		fmt.Fprint(w, n, err)
	}))
	_, address := serveOn(t, three, "[limits]\nbody_bytes = \"1GiB\"\n"+policy(url, "ONE"))
	client := http3Client(t)
	r, _ := http.NewRequest("GET", "https://"+address+"/", nil)
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(&checking{t: t}, res.Body); n != size || err != nil {
		t.Errorf("%d octets, %v", n, err)
	}
	res.Body.Close()
	if res := fetch(t, client, "PUT", "https://"+address+"/", io.LimitReader(&counting{}, size)); res.content != fmt.Sprint(size, nil) {
		t.Errorf("%q", res.content)
	}
}

// TestHTTP3ShutdownBound: what does not end in time is closed.
func TestHTTP3ShutdownBound(t *testing.T) {
	url := echoing(t)
	g, address := serveOn(t, three, policy(url, "ONE"))
	e := newDialogue(t, http3Client(t), address)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := io.ReadAll(e.from); err == nil {
		t.Error("a response that was cut looks whole")
	}
}
