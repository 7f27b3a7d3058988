package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/prometheus/client_golang/prometheus"
)

// tunnelBuffer is small because most tunnels are idle most of the time, and each has two.
const tunnelBuffer = 4 << 10

// tunnel carries octets both ways between a client and an upstream that have agreed on another
// protocol than HTTP, until both sides have ended, one has failed, neither has said anything for the
// timeouts.idle time, or the route's timeout has passed. Octets only: frames are not looked at.
func (x *exchange) tunnel(c *edge.Conn) {
	x.left()
	m := x.g.metrics
	m.tunnels.Inc()
	defer m.tunnels.Dec()
	client, fromClient := c.Tunnel()
	server, fromServer := x.up.Tunnel()
	t := &tunnel{idle: x.s.config.Timeouts.Idle, deadline: x.attempts.Deadline}
	t.touch()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.carry(server, client, fromClient, m.tunnelled.fromClient)
	}()
	t.carry(client, server, fromServer, m.tunnelled.fromUpstream)
	<-done
	server.Close() //nolint:errcheck // the tunnel is over either way
}

// A tunnel is what the two directions have in common.
type tunnel struct {
	idle     time.Duration
	deadline time.Time // zero: none
	over     atomic.Bool
	last     atomic.Int64 // when something was carried, either way, in Unix nanoseconds
}

func (t *tunnel) touch() { t.last.Store(time.Now().UnixNano()) }

// until returns when the tunnel has been idle for too long, as things stand.
func (t *tunnel) until() time.Time {
	by := time.Unix(0, t.last.Load()).Add(t.idle)
	if !t.deadline.IsZero() && t.deadline.Before(by) {
		by = t.deadline
	}
	return by
}

// carry copies read and then what src brings to dst. At the end of src it ends dst's receiving
// side only: the other direction may go on. At an error it ends both. carried counts octets.
func (t *tunnel) carry(dst, src net.Conn, read []byte, carried prometheus.Counter) {
	buf := make([]byte, max(tunnelBuffer, len(read)))
	n, err := copy(buf, read), error(nil)
	for err == nil {
		if n > 0 {
			t.touch()
			dst.SetWriteDeadline(t.until()) //nolint:errcheck // a dead socket shows at the write
			if _, err = dst.Write(buf[:n]); err != nil {
				break
			}
			carried.Add(float64(n))
		}
		src.SetReadDeadline(t.until()) //nolint:errcheck // likewise
		if t.over.Load() {
			return
		}
		n, err = src.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(t.until()) {
			err = nil // the other direction is alive
		}
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) && half.CloseWrite() == nil {
		return
	}
	// In this order, while carry sets a deadline and then looks at the flag: the other direction
	// sees one or the other.
	t.over.Store(true)
	past := time.Unix(1, 0)
	src.SetDeadline(past) //nolint:errcheck // as above
	dst.SetDeadline(past) //nolint:errcheck // as above
}
