package loop

import (
	"io"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// forward sends a request to its upstream.
func (ups *upstreams) forward(c *call, x Exchange) {
	c.x = x
	c.to.waits()
	ups.choose(c)
}

// ask writes the request of c's exchange to u and waits for the response.
func (ups *upstreams) ask(c *call, u *upconn) {
	u.call, c.up = c, u
	u.got, u.begun, u.interims = false, false, 0
	u.unsent = c.x.Request()
	n, err := send(u.fd, u.unsent)
	c.x.Sent(ups.now)
	if err != 0 && err != unix.EAGAIN {
		ups.broken(u, err)
		return
	}
	if u.unsent = u.unsent[max(n, 0):]; len(u.unsent) > 0 {
		ups.watch(&u.socket, readable|writable)
	}
	ups.armUpstream(u, u.pool.endpoint.Options().FirstByteTimeout)
}

// armUpstream gives u a deadline timeout ahead, but not after that of its exchange.
func (ups *upstreams) armUpstream(u *upconn, timeout time.Duration) {
	if d := u.call.x.Attempts().Deadline; !d.IsZero() {
		timeout = min(timeout, d.Sub(ups.now))
	}
	ups.arm(&u.timer, max(timeout, 0))
}

// event is what epoll says of a connection to an endpoint.
func (ups *upstreams) event(u *upconn, events uint32) {
	if u.call == nil {
		ups.discard(u) // closed, or it speaks without having been asked
		return
	}
	if events&writable != 0 && len(u.unsent) > 0 {
		n, err := send(u.fd, u.unsent)
		if err != 0 && err != unix.EAGAIN {
			ups.broken(u, err)
			return
		}
		if u.unsent = u.unsent[max(n, 0):]; len(u.unsent) == 0 {
			ups.watch(&u.socket, readable)
			ups.armUpstream(u, u.pool.endpoint.Options().FirstByteTimeout)
		}
	}
	if events&(readable|dead) != 0 {
		ups.readUpstream(u)
	}
}

// readUpstream reads once and acts on what has come. It returns how many bytes that was.
func (ups *upstreams) readUpstream(u *upconn) int {
	n, err := read(u.fd, ups.in[:u.call.to.readable(len(ups.in))])
	switch {
	case err == unix.EAGAIN:
		return 0
	case err != 0:
		ups.broken(u, err)
		return 0
	case n == 0:
		ups.upstreamEOF(u)
		return 0
	}
	b := ups.in[:n]
	u.got = true
	if u.begun {
		ups.relay(u, b, ups.out[:0])
		return n
	}
	if len(u.saved) > 0 {
		u.saved = append(u.saved, b...)
		b = u.saved
	}
	ups.head(u, b)
	return n
}

// complete ends an exchange whose response is all there.
func (ups *upstreams) complete(u *upconn) {
	c := u.call
	u.pool.endpoint.Answered(int(u.status))
	ups.part(u)
	if u.keep {
		ups.idle(u)
	} else {
		ups.discard(u)
	}
	c.x.Done(u.pool.endpoint, ups.now)
	ups.giveBack(c.x)
	c.x = nil
	c.to.settle()
}

// upstreamEOF acts on the end of an endpoint's side.
func (ups *upstreams) upstreamEOF(u *upconn) {
	if u.begun && u.framing == wire.UntilClose {
		u.framing, u.keep = wire.NoContent, false
		out := ups.out[:0]
		if u.as == wire.ByChunks {
			out = append(out, wire.LastChunk...)
		}
		ups.relay(u, nil, out)
		return
	}
	ups.broken(u, io.EOF)
}

// broken acts on a connection that has failed within an exchange.
func (ups *upstreams) broken(u *upconn, err error) {
	switch {
	case u.begun:
		ups.cut(u, conn.ErrCut, nil)
	case u.got:
		ups.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: conn.ErrCut})
	default:
		ups.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: err})
	}
}

// giveUp ends an attempt whose response has not begun, and the exchange unless there is another.
func (ups *upstreams) giveUp(u *upconn, err *upstream.Error) {
	f := upstream.Failure{Err: err, Unsent: len(u.unsent) == len(u.call.x.Request()), Received: u.got}
	if u.reused && u.call.x.Attempts().Stale(f) {
		ups.renew(u)
		return
	}
	c, p := u.call, u.pool
	ups.part(u)
	ups.discard(u)
	ups.again(c, p, f)
	c.to.settle()
}

// renew makes an attempt once more, at the same endpoint on a new connection.
func (ups *upstreams) renew(u *upconn) {
	c, p := u.call, u.pool
	ups.part(u)
	ups.discard(u)
	if p.endpoint.TryAcquire() {
		ups.dial(c, p)
		return
	}
	ups.choose(c) // another exchange was quicker
	c.to.settle()
}

// again makes the next attempt of an exchange, or answers that it has failed. The caller goes on
// with the client.
func (ups *upstreams) again(c *call, p *pool, f upstream.Failure) {
	if c.x.Attempts().Again(p.endpoint, f) {
		ups.choose(c)
	} else {
		ups.fail(c, p.endpoint, f.Err)
	}
}

// fail answers a request whose exchange failed before its response began. The caller goes on
// with the client.
func (ups *upstreams) fail(c *call, e *upstream.Endpoint, err *upstream.Error) {
	x := c.x
	c.x, c.hold = nil, nil
	out, last := x.Fail(ups.out[:0], e, err, c.to.ending())
	x.Done(e, ups.now)
	ups.giveBack(x)
	c.to.answer(out, last)
}

// cut ends a response that broke off. If nothing of it was sent yet it becomes a 502; otherwise
// the client has to notice: its connection ends, by a reset where a plain end could be taken for
// that of the content.
func (ups *upstreams) cut(u *upconn, err error, out []byte) {
	c, p := u.call, u.pool
	if !u.begun {
		c.to.end()
		ups.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassMalformed, Err: err})
		return
	}
	x := c.x
	if err != upstream.ErrLate && err != upstream.ErrIdle && err != upstream.ErrSlowClient { // which say nothing about the endpoint
		p.endpoint.Failed()
	}
	ups.part(u)
	ups.discard(u)
	c.x = nil
	x.Cut(p.endpoint, err)
	x.Done(p.endpoint, ups.now)
	ups.giveBack(x)
	c.to.cut(out, u.as != wire.UntilClose)
}

// cancel ends the exchange of a client that has gone.
func (ups *upstreams) cancel(c *call) {
	x, u := c.x, c.up
	c.x = nil
	switch {
	case u != nil:
		ups.part(u)
		ups.discard(u)
	case c.hold != nil:
		ups.quit(c)
		c.hold = nil
	}
	x.Gone(ups.now)
	ups.giveBack(x)
}

// expired acts on the deadline of an exchange.
func (ups *upstreams) expired(u *upconn) {
	switch {
	case u.call == nil:
	case u.begun && expired(u.call.x.Attempts().Deadline):
		ups.cut(u, upstream.ErrLate, nil)
	case u.begun && u.flow == wire.Plain:
		ups.cut(u, upstream.ErrStalled, nil)
	case u.begun:
		ups.cut(u, upstream.ErrIdle, nil)
	case expired(u.call.x.Attempts().Deadline):
		ups.giveUp(u, &upstream.Error{Status: 504, Class: upstream.ClassTimeout, Err: os.ErrDeadlineExceeded})
	default:
		ups.giveUp(u, &upstream.Error{Status: 504, Class: upstream.ClassFirstByte, Err: os.ErrDeadlineExceeded})
	}
}
