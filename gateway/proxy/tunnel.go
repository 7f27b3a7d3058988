package proxy

import (
	"net"
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/rewrite"
)

// tunnel carries bytes both ways between a client and an upstream that have agreed on a protocol
// other than HTTP, until both sides have ended, one has failed, both have been silent for the
// route's idle_timeout, or its timeout has passed. Frames are not inspected. It continues after the
// handler has returned, and then ends the exchange.
//
// Most tunnels are idle most of the time, and there may be very many. So the known facts about the
// request are kept for the log, but none of its buffers.
func (b *blocking) tunnel() {
	b.left()
	b.out, b.head, b.body, b.host, b.asker = nil, nil, nil, nil, rewrite.Asked{}
	clear(b.vary[:cap(b.vary)])
	b.p.metrics.Tunnels.Inc()
	b.c.Tunnel(func(client net.Conn, read []byte) {
		defer b.recoverPanic()
		defer b.p.metrics.Tunnels.Dec()
		m := &b.p.metrics.TunnelBytes
		err := b.upstream.Tunnel(client, read, backend.OrNoBound(b.route.TunnelIdle.Time), m.FromClient, m.FromUpstream)
		b.ended(err, b.route.TunnelIdle.Key)
		b.upstream.End(time.Now())
		b.account(b.upstream.Endpoint, time.Now())
	})
}
