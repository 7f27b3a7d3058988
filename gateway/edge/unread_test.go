package edge_test

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// TestUnread: a client that does not read its response is reset when its time is over, so that nothing of it stays in the kernel.
func TestUnread(t *testing.T) {
	opts := options()
	opts.BodyIdle = 50 * time.Millisecond
	ln := loopback(t)
	s := serve(t, opts, ln, func(c *edge.Conn) {
		c.Send(append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n"), make([]byte, 64<<20)...)) //nolint:errcheck // it is cut
	})
	c := dial(t, ln)
	io.WriteString(c, next)
	until(t, "it has been accepted", func() bool { return s.on.Open() == 1 })
	until(t, "its time is over", func() bool { return s.on.Open() == 0 })
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end: %v, want a reset", err)
	}
}
