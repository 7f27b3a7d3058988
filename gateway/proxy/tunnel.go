package proxy

import (
	"net"
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/rewrite"
)

// tunnel carries octets both ways between a client and an upstream that have agreed on another
// protocol than HTTP, until both sides have ended, one has failed, neither has said anything for the
// idle_timeout of the route, or a timeout that it was given has passed. Octets only: frames are not looked at. It goes on
// when the handler has returned, and then ends the exchange.
//
// Most tunnels are idle most of the time, and there may be very many. So what is known of the request
// is kept for the log, and nothing of what it was made of.
func (x *exchange) tunnel(c *edge.Conn) {
	x.left()
	x.out, x.head, x.body, x.host, x.asker = nil, nil, nil, nil, rewrite.Asked{}
	clear(x.vary[:cap(x.vary)])
	x.p.metrics.Tunnels.Inc()
	c.Tunnel(func(client net.Conn, read []byte) {
		defer x.rescue(c)
		defer x.p.metrics.Tunnels.Dec()
		m := &x.p.metrics.TunnelBytes
		err := x.up.Tunnel(client, read, backend.OrNoBound(x.route.TunnelIdle.Time), m.FromClient, m.FromUpstream)
		x.ended(err, x.route.TunnelIdle.Key)
		x.up.End(time.Now())
		x.account(x.up.Endpoint, time.Now())
	})
}
