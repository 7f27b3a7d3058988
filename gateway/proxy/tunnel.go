package proxy

import (
	"net"
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/rewrite"
)

// tunnel carries bytes both ways between a client and an upstream that have agreed on a protocol
// other than HTTP, until both sides have ended, one has failed, both have been silent for the
// route's idle_timeout, or its timeout has passed. Frames are not inspected. It continues after the
// handler has returned, and then ends the exchange.
//
// Most tunnels are idle most of the time, and there may be very many. So the known facts about the
// request are kept for the log, but none of its buffers.
func (x *exchange) tunnel(c *edge.Conn) {
	x.left()
	x.out, x.head, x.body, x.host, x.asker = nil, nil, nil, nil, rewrite.Asked{}
	clear(x.vary[:cap(x.vary)])
	x.p.metrics.Tunnels.Inc()
	c.Tunnel(func(client net.Conn, read []byte) {
		defer x.recoverPanic(c)
		defer x.p.metrics.Tunnels.Dec()
		m := &x.p.metrics.TunnelBytes
		err := x.up.Tunnel(client, read, backend.OrNoBound(x.route.TunnelIdle.Time), m.FromClient, m.FromUpstream)
		x.ended(err, x.route.TunnelIdle.Key)
		x.up.End(time.Now())
		x.account(x.up.Endpoint, time.Now())
	})
}
