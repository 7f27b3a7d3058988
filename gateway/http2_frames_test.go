package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
)

// TestHTTP2Frames: what is no HTTP/2, before any of it is a request, is counted and logged; a head that is too large is refused as one of HTTP/1.1 is.
func TestHTTP2Frames(t *testing.T) {
	lines := loggedOf(t, secure, respond, func(g *gateway.Gateway, address string) {
		f := func(want string, send func(c *framed)) {
			t.Helper()
			c := frames(t, address)
			defer c.c.Close()
			send(c)
			if got := c.outcome(1); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		f("goaway PROTOCOL_ERROR", func(c *framed) { c.WriteData(1, true, []byte("hello")) })
		f("goaway PROTOCOL_ERROR", func(c *framed) { c.WriteRawFrame(4, 0, 1, nil) })
		counted(t, g, `corsgate_malformed_total{class="http2"}`, 2)
		f("reset PROTOCOL_ERROR", func(c *framed) {
			c.ask(1, true, ":method", "GET", ":scheme", "https", ":path", "", ":authority", "h")
		})
		counted(t, g, `corsgate_malformed_total{class="http2"}`, 3)
		fields := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"}
		for range 120 { // few octets, and much by HTTP/2's way to count
			fields = append(fields, "x", strings.Repeat("a", 100))
		}
		f("200", func(c *framed) { c.ask(1, true, fields...) })
		f("431", func(c *framed) { c.ask(1, true, append(fields, "y", strings.Repeat("b", 4000))...) })
		counted(t, g, `corsgate_malformed_total{class="http2"}`, 3)
	})
	var got []string
	for _, l := range lines {
		got = append(got, strings.TrimSpace(l.Error+" "+l.Client))
	}
	slices.Sort(got) // which of two connections is served first nobody knows
	const want = "head-size 127.0.0.1, http2 127.0.0.1, http2 127.0.0.1, http2 127.0.0.1"
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("logged: %s, want %s", got, want)
	}
}
