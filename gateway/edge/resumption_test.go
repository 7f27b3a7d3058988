package edge_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// TestTicketKeys: the keys of session tickets are others each day. A ticket is good for a week all the same, also after the
// configuration was exchanged, and not for longer: who steals a key has little of it.
func TestTicketKeys(t *testing.T) {
	const day = 24 * time.Hour
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		synctest.Test(t, func(t *testing.T) {
			authority := pkitest.NewAuthority(t, "authority") // valid at the time of the bubble
			configured := func() edge.Options {
				opts := options()
				opts.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, "edge.test").TLS(t)}}
				return opts
			}
			ln := newPipes()
			l := edge.NewListener("test", ln)
			l.TLS = true
			s := edge.NewServer(configured(), echo, func(edgeFault, netip.Addr) {})
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			client := &tls.Config{RootCAs: authority.Pool, ServerName: "edge.test", MaxVersion: version}
			client.ClientSessionCache = tls.NewLRUClientSessionCache(0)
			f := func(after time.Duration, want bool) {
				t.Helper()
				time.Sleep(after)
				c := tls.Client(ln.dial(), client)
				defer c.Close()
				go io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
				if _, err := io.ReadAll(c); err != nil {
					t.Fatal(err)
				}
				if got := c.ConnectionState().DidResume; got != want {
					t.Errorf("%s, after %v: resumed: %t, want %t", tls.VersionName(version), after, got, want)
				}
			}
			f(0, false)
			f(time.Second, true)
			f(25*time.Hour, true)
			s.Configure(configured())
			f(3*day, true)
			f(8*day, false)
			f(day, true)
			l.Close()
			if err := s.Drain(context.Background()); err != nil {
				t.Error(err)
			}
			<-served
			time.Sleep(poolPause)
		})
	}
}
