package edge_test

import (
	"net/netip"
	"testing"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/pipe"
)

// TestBreakStream: Break of a request of HTTP/2 makes its Send fail, and touches no socket.
func TestBreakStream(t *testing.T) {
	var sent error
	s := edge.NewServer(options(), func(c *edge.Conn) {
		c.Break()
		sent = c.Send([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	}, func(edgeFault, netip.Addr) {})
	on := edge.NewListener("test", loopback(t))
	defer on.Close()
	p := pipe.New(nil, func() {})
	p.BeginLate([]byte("GET / HTTP/1.1\r\nhost: h\r\n"), true, true)
	s.ServePipe(p, nil, netip.MustParseAddr("127.0.0.1"), on)
	if sent != pipe.ErrGone { // it is that
		t.Errorf("Send: %v, want %v", sent, pipe.ErrGone)
	}
}
