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
		s.OnLost(func(loss *edge.Loss, _ *edge.Listener, _ netip.Addr, _ error) {
			n, _ := losses.LoadOrStore(loss, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
		})
	})
	return s, ln, &tls.Config{RootCAs: authority.Pool, ServerName: "edge.test"}, losses
}

// lost returns how many connections were lost for a reason.
func lost(losses *sync.Map, loss *edge.Loss) int {
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

// hello returns the octets of a ClientHello.
func hello(client *tls.Config) []byte {
	ours, theirs := net.Pipe()
	go func() {
		tls.Client(theirs, client).Handshake() //nolint:errcheck // nobody answers
	}()
	defer theirs.Close()
	b := make([]byte, 4<<10)
	n, _ := ours.Read(b)
	ours.Close()
	return b[:n]
}

// TestHandshakesUnfinished: clients that begin handshakes and go no further make room for others, the oldest first, when
// there are many.
func TestHandshakesUnfinished(t *testing.T) {
	opts := options()
	opts.Connections = 40
	s, ln, client, losses := serveTLS(t, opts, func() {})
	text := hello(client)
	for what, octets := range map[string][]byte{"nothing": nil, "half of a ClientHello": text[:len(text)/2], "a ClientHello": text} {
		before := lost(losses, edge.LossCrowd)
		var all []*net.TCPConn
		for range 30 {
			c := dial(t, ln)
			c.Write(octets)
			all = append(all, c)
			until(t, "its handshake is under way", func() bool { return s.Shaking() == min(len(all), 20) })
		}
		until(t, "there is room", func() bool { return lost(losses, edge.LossCrowd) == before+10 })
		if err := askSecurely(ln, client); err != nil {
			t.Errorf("beside clients that send %s: %v", what, err)
		}
		until(t, "there was room for that, too", func() bool { return lost(losses, edge.LossCrowd) == before+11 })
		for i, c := range all {
			if i >= 7 {
				c.SetReadDeadline(time.Now().Add(time.Millisecond))
			}
			// Whoever is computed at the time is not the one to go, even if it is the oldest.
			if _, err := io.ReadAll(c); i < 7 && err != nil || i >= 16 && err == nil {
				t.Errorf("client %d of 30 that send %s: %v", i, what, err)
			}
		}
		for _, c := range all {
			c.Close()
		}
		until(t, "all have gone", func() bool { return lost(losses, edge.LossGone) == (before+11)/11*19 })
	}
}

// TestHandshakesInTurn: as many handshakes are computed at once as there are processors, and all are made.
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
	if n := most.Load(); n == 0 || n > int64(runtime.GOMAXPROCS(0)) {
		t.Errorf("%d handshakes were computed at once, on %d processors", n, runtime.GOMAXPROCS(0))
	}
}
