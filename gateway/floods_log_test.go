package gateway_test

import (
	"io"
	"strings"
	"testing"

	"github.com/quic-go/quic-go"
)

// TestFloodsAreLogged: a connection that is ended because of a flood has one line in the log, which says of what.
func TestFloodsAreLogged(t *testing.T) {
	frame := func(f func(c *framed) error) func(t *testing.T, address string) {
		return func(t *testing.T, address string) {
			c := frames(t, address)
			defer c.c.Close()
			go io.Copy(io.Discard, c.c.(io.Reader))
			for i := 0; i < 20_000 && f(c) == nil; i++ {
			}
		}
	}
	ping := frame(func(c *framed) error { return c.WritePing(false, [8]byte{}) })
	settings := frame(func(c *framed) error { return c.WriteSettings() })
	control := func(t *testing.T, address string) {
		c := dialBare(t, address)
		s, err := c.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{0, 4, 0})
		for i := 0; i < 2000 && c.Context().Err() == nil; i++ {
			s.Write([]byte{0x21, 0}) // of an unknown type, without content
		}
		<-c.Context().Done()
	}
	for _, v := range []struct {
		engine, protocol, kind string
		flood                  func(t *testing.T, address string)
	}{
		{secure, "http2", "ping", ping},
		{secureBlocking, "http2", "ping", ping},
		{secure, "http2", "settings", settings},
		{secureBlocking, "http2", "settings", settings},
		{three, "http3", "control", control},
		{three, "http3", "resets", func(t *testing.T, address string) { resetAll(t, dialQUIC(t, address)) }},
	} {
		t.Run(v.engine+", "+v.kind, func(t *testing.T) {
			var log lockedBuffer
			g, address := serveLogged(t, parseFor(t, v.engine, respond), &log)
			v.flood(t, address)
			want := `msg="a connection was ended because of a flood" listener=http peer=127.0.0.1 protocol=` + v.protocol + " kind=" + v.kind + "\n"
			until(t, "the log says so", func() bool { return strings.Contains(log.String(), want) })
			counted(t, g, `corsgate_connections{listener="http"}`, 0)
			if n := strings.Count(log.String(), "because of a flood"); n != 1 {
				t.Errorf("%d lines, want 1:\n%s", n, log.String())
			}
		})
	}
}

// resetAll resets requests until the connection ends.
func resetAll(t *testing.T, c *quic.Conn) {
	t.Helper()
	for c.Context().Err() == nil {
		s, err := c.OpenStreamSync(t.Context())
		if err != nil {
			break
		}
		s.Write(headersFrame(":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h"))
		s.CancelWrite(0x10c) // H3_REQUEST_CANCELLED
		s.CancelRead(0x10c)
	}
	<-c.Context().Done()
}
