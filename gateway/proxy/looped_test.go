package proxy

import (
	"net/netip"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/wire"
)

// TestProtocolOfRejected: a loop's exchanges pass from client to client, and a head that is refused is recorded with the version
// of HTTP of its own client, not that of the one before.
func TestProtocolOfRejected(t *testing.T) {
	p := newBenchProxy(t, benchConfig)
	l := p.Exchanges(0)().(*looped)
	for _, c := range []struct {
		major int
		want  string
	}{{2, "HTTP/2.0"}, {1, "HTTP/1.1"}, {2, "HTTP/2.0"}, {0, "HTTP/1.1"}} {
		from := loop.Client{Peer: netip.AddrFrom4([4]byte{192, 0, 2, 1}), On: edge.NewListener("test", nil), Major: c.major, Now: time.Now()}
		if _, fault := l.Head().Parse([]byte(preflightHead), p.Current().Edge.Limits); fault != nil {
			t.Fatal(fault)
		}
		l.Reject(nil, from, wire.FaultControl)
		if got := l.protocol(); got != c.want {
			t.Errorf("version %d of HTTP is recorded as %s, want %s", c.major, got, c.want)
		}
		l.Done(nil, from.Now)
	}
}
