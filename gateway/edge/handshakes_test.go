package edge_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// serveTLS is serve with TLS; look is called while a handshake is computed. client is how clients speak to it.
func serveTLS(t *testing.T, opts edge.Options, look func()) (s *server, ln net.Listener, client *tls.Config, losses *sync.Map) {
	authority := pkitest.NewAuthority(t, "authority")
	certificate := authority.Issue(t, "edge.test").TLS(t)
	opts.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		look()
		return &certificate, nil
	}}
	ln = loopback(t)
	losses = new(sync.Map)
	s = serveWith(t, opts, ln, echo, func(s *edge.Server, l *edge.Listener) {
		l.TLS = true
		s.OnFailure(func(loss *edge.Failure, _ *edge.Listener, _ netip.Addr, _ error) {
			n, _ := losses.LoadOrStore(loss, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
		})
	})
	return s, ln, &tls.Config{RootCAs: authority.Pool, ServerName: "edge.test"}, losses
}

// lost returns how many connections were lost for a reason.
func lost(losses *sync.Map, loss *edge.Failure) int {
	if n, ok := losses.Load(loss); ok {
		return int(n.(*atomic.Int64).Load())
	}
	return 0
}

// askSecurely makes a handshake and a request.
func askSecurely(ln net.Listener, client *tls.Config) error {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", ln.Addr().String(), client)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(c)
	if err == nil && len(statuses(string(answer))) != 1 {
		err = fmt.Errorf("%q", answer)
	}
	return err
}

// TestHandshakesSilent: clients that connect and say nothing, or half of a ClientHello, take no place of a handshake, and the
// one that has been silent longest makes room when all connections are taken.
func TestHandshakesSilent(t *testing.T) {
	opts := options()
	opts.Connections = 20
	s, ln, client, losses := serveTLS(t, opts, func() {})
	for i := range 20 {
		c := dial(t, ln)
		if i%2 == 1 {
			c.Write([]byte{22, 3, 1, 2, 0, 1}) // a record of 512 bytes begins
		}
	}
	until(t, "all are accepted", func() bool { return s.on.Open() == 20 })
	if n := s.Shaking(); n != 0 {
		t.Errorf("%d handshakes are under way, want 0", n)
	}
	if err := askSecurely(ln, client); err != nil {
		t.Errorf("beside silent clients: %v", err)
	}
	if n := lost(losses, edge.FailurePressure); n != 1 {
		t.Errorf("%d made room, want 1", n)
	}
}

// TestHandshakesInTurn: one handshake fewer is computed at once than there are processors, and all are made.
func TestHandshakesInTurn(t *testing.T) {
	var running, most atomic.Int64
	_, ln, client, _ := serveTLS(t, options(), func() {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
		running.Add(-1)
	})
	var clients sync.WaitGroup
	for range 64 {
		clients.Go(func() {
			if err := askSecurely(ln, client); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if n, want := most.Load(), int64(max(1, runtime.GOMAXPROCS(0)-1)); n == 0 || n > want {
		t.Errorf("%d handshakes were computed at once, want %d at most", n, want)
	}
}
