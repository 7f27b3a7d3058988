package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/listen"
	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/quic-go/quic-go"
)

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
	do(t, tcp, "GET", "https://"+address+"/fixed", nil)
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
	if res := do(t, second, "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	next := newDialogue(t, second, address)
	reload(t, g, cfg(off)) // while two connections have requests
	withoutHTTP3(t, address)
	if res := do(t, http1Client(t), "GET", "https://"+address+"/fixed", nil); len(res.Header["Alt-Svc"]) > 0 {
		t.Errorf("Alt-Svc: %q", res.Header["Alt-Svc"])
	}
	reload(t, g, cfg(on)) // it is there still
	third := http3Client(t)
	if res := do(t, third, "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	for _, e := range []dialogue{under, next} {
		e.asks(t, '2')
		e.ends(t)
	}
	if res := do(t, third, "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
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
	if res := do(t, http3Client(t), "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
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

func TestHTTP3PortInUse(t *testing.T) {
	var taken net.PacketConn
	for tcp := net.Listener(nil); tcp == nil; { // until the port is free for TCP, which the gateway binds first
		var err error
		if taken, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		if tcp, err = net.Listen("tcp", taken.LocalAddr().String()); err == nil {
			tcp.Close()
		}
	}
	cfg := parseFor(t, three, hello)
	cfg.Listeners[0].Address = config.Address(taken.LocalAddr().String())
	g, err := gateway.New(cfg, discard())
	if err != nil {
		t.Fatal(err)
	}
	err = g.Listen()
	for err != nil && !strings.Contains(err.Error(), "UDP") { // another socket has the port for TCP, for now
		err = g.Listen()
	}
	if err == nil || !strings.Contains(err.Error(), "cannot listen on "+taken.LocalAddr().String()+": UDP, for http3: the address is in use by another process") {
		t.Error(err)
	}
	refused(t, taken.LocalAddr().String())
}

func TestHTTP3HandedOver(t *testing.T) {
	url := echoing(t)
	type process struct {
		*gateway.Gateway
		served, over chan error
	}
	start := func(name string, sockets []listen.Socket) process {
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
		if res := do(t, client, "GET", "https://"+address+"/fixed", nil); res.content != name {
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
			s.File.Fd() // as who starts a process does
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

func TestHTTP3Certificates(t *testing.T) {
	dir, ca, clients := t.TempDir(), authority(t), pkitest.NewAuthority(t, "clients")
	ca.server.Write(t, dir, "c")
	cfg := func(more string) *config.Config {
		c := tlsConfig(t, dir, oneCertificate, more)
		c.Listeners[0].HTTP3 = true
		return c
	}
	g, address := serveConfig(t, cfg(""))
	dialled := 0 // the client comes again if its connection ends before it has sent its request
	shown := func(own ...tls.Certificate) (serial string, err error) {
		client := http3Client(t)
		defer client.Close()
		client.TLSClientConfig.Certificates = own
		client.Dial = func(ctx context.Context, address string, c *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			dialled++
			return quic.DialAddr(ctx, address, c, qc)
		}
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
	reload(t, g, cfg("client_ca = \"ca.pem\"\nclient_auth = \"require\"\n"))
	dialled = 0
	if _, err := shown(); err == nil {
		t.Error("a client without a certificate got in")
	}
	if _, err := shown(pkitest.NewAuthority(t, "strangers").Issue(t, "client").TLS(t)); err == nil {
		t.Error("a stranger got in")
	}
	refused := dialled
	if _, err := shown(clients.Issue(t, "client").TLS(t)); err != nil {
		t.Error(err)
	}
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="client-certificate"}`, refused)
	bad := ca.client()
	bad.RootCAs, bad.NextProtos = clients.Pool, []string{"h3"}
	quic.DialAddr(t.Context(), address, bad, nil)
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="refused"}`, 1)
	bad.NextProtos = []string{"h2"}
	quic.DialAddr(t.Context(), address, bad, nil)
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="handshake"}`, 1)
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
}
