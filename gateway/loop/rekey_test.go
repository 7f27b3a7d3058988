//go:build linux

package loop_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// dialSecure connects to a trial over TLS, as a client that asks for new keys. The trial must have been begun with secure.
func (r *trial) dialSecure(t *testing.T, authority *pkitest.Authority) (*net.TCPConn, *pkitest.Rekeyer) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	on := edge.NewListener("secure", ln)
	on.TLS = true
	on.HandBack = func(nc net.Conn, peer netip.Addr, on *edge.Listener, asked bool) bool {
		return r.loop.Take(nc, peer, on, asked)
	}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(on) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	keys := pkitest.NewRekeyer(t, c, &tls.Config{RootCAs: authority.Pool, ServerName: "loop.test"})
	on.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	until(t, "the loop has the connection", func() bool { return r.counts().Clients == 1 })
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn), keys
}

func secure(t *testing.T, authority *pkitest.Authority) func(*trial) {
	certificate := authority.Issue(t, "loop.test").TLS(t)
	return func(r *trial) { r.options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}} }
}

// TestKeysUnread: a client that asks for a new key with each octet that it sends, and reads nothing, is not read from any
// more: what the loop keeps for it is bounded by one read.
func TestKeysUnread(t *testing.T) {
	authority := pkitest.NewAuthority(t, "authority")
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
		for c.SetDeadline(time.Now().Add(patience)); ; {
			if _, err := c.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	r := begin(t, secure(t, authority), up.at())
	c, keys := r.dialSecure(t, authority)
	small(t, c, 64<<10)
	if _, err := c.Write(keys.Append(nil, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))); err != nil {
		t.Fatal(err)
	}
	until(t, "the client is too slow", func() bool { return r.counts().Saved > 0 })
	before := r.counts().Saved
	var b []byte
	for range 16 << 10 {
		b = keys.Append(keys.AppendUpdate(b), []byte("G"))
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	until(t, "the loop has read some", func() bool { return r.counts().Saved > before })
	worst := 0
	for range 100 {
		worst = max(worst, r.counts().Saved)
		time.Sleep(time.Millisecond)
	}
	if worst > loop.MostAhead+128<<10 {
		t.Errorf("%d octets were kept", worst)
	}
	c.Close()
}

// TestKeys: a client may ask for new keys, and is served with them.
func TestKeys(t *testing.T) {
	authority := pkitest.NewAuthority(t, "authority")
	r := begin(t, secure(t, authority))
	c, keys := r.dialSecure(t, authority)
	const key, response = 27, 66 // octets
	for _, updates := range []int{1, 2, 16} {
		var b []byte
		for range updates {
			b = keys.AppendUpdate(b)
		}
		if _, err := c.Write(keys.Append(b, []byte("GET /local HTTP/1.1\r\nHost: h\r\n\r\n"))); err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadAtLeast(c, make([]byte, 16<<10), key*updates+response); err != nil {
			t.Fatalf("%d updates: %d octets, %v", updates, n, err)
		}
	}
}
