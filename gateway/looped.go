package gateway

import (
	"time"

	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is the event loop's view of an exchange: loop.Exchange. It holds no decision that
// the blocking engine does not share; see begin and finish.

// newLooped returns an exchange for a loop's stock. Unlike one of a connection it has its own
// request, and passes from client to client.
func (g *Gateway) newLooped() loop.Exchange { return &exchange{g: g, req: new(wire.Request)} }

// Head is part of loop.Exchange.
func (x *exchange) Head() *wire.Request { return x.req }

// Begin is part of loop.Exchange.
func (x *exchange) Begin(dst []byte, c loop.Client) (out []byte, ends, answered bool) {
	x.start(c.Peer, c.On, c.Ends, c.Content, c.Now)
	x.out = dst
	answered = x.begin()
	return x.out, x.closing, answered
}

// Upstream is part of loop.Exchange.
func (x *exchange) Upstream() *upstream.Upstream { return x.route.upstream.pool }

// Deadline is part of loop.Exchange.
func (x *exchange) Deadline() time.Time {
	if x.route.timeout == 0 {
		return time.Time{}
	}
	return x.now.Add(x.route.timeout)
}

// Safe is part of loop.Exchange.
func (x *exchange) Safe() bool { return wire.IsSafe(x.req.Method) }

// Prepare is part of loop.Exchange.
//
// What finish needs of the request is its method and its Origin; both are copied behind the
// request that is sent, because the loop will read others into its buffer meanwhile.
func (x *exchange) Prepare(content []byte) {
	x.frameLength(int64(len(content)))
	x.head = append(x.head, content...)
	x.request = len(x.head)
	x.head = append(append(x.head, x.req.Method...), x.req.Origin...)
	rest := x.head[x.request:]
	x.req.Method, x.req.Origin = rest[:len(x.req.Method)], rest[len(x.req.Method):]
}

// Request is part of loop.Exchange.
func (x *exchange) Request() []byte { return x.head[:x.request] }

// Finish is part of loop.Exchange.
func (x *exchange) Finish(dst []byte, res *wire.Response, ends bool) (out []byte, last bool, as wire.Framing) {
	x.out, x.closing = dst, ends
	as = x.finish(res)
	return x.out, x.closing, as
}

// Fail is part of loop.Exchange.
func (x *exchange) Fail(dst []byte, e *upstream.Endpoint, err *upstream.Error, ends bool) (out []byte, last bool) {
	x.out, x.closing = dst, ends
	x.fail(e, err)
	return x.out, x.closing
}

// Cut is part of loop.Exchange, and what the blocking engine does.
func (x *exchange) Cut(e *upstream.Endpoint, err error) {
	x.g.log.Warn("response cut off", "route", x.route.name, "upstream", x.route.upstream.name,
		"endpoint", e.Address.Label, "error", err)
}

// Done is part of loop.Exchange.
func (x *exchange) Done(e *upstream.Endpoint, now time.Time) {
	x.account(e, now)
	x.out = nil // the loop's
	x.head = keep(x.head)
}
