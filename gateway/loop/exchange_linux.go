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
func (l *Loop) forward(c *call, x Exchange) {
	c.x = x
	c.to.waits(l)
	l.choose(c)
}

// ask writes the request of c's exchange to u and waits for the response.
func (l *Loop) ask(c *call, u *upconn) {
	u.call, c.up = c, u
	u.got, u.begun, u.interims = false, false, 0
	u.unsent = c.x.Request()
	n, err := send(u.fd, u.unsent)
	c.x.Sent(l.now)
	if err != 0 && err != unix.EAGAIN {
		l.broken(u, err)
		return
	}
	if u.unsent = u.unsent[max(n, 0):]; len(u.unsent) > 0 {
		l.watch(&u.socket, readable|writable)
	}
	l.armUpstream(u, u.pool.endpoint.Options().FirstByteTimeout)
}

// armUpstream gives u a deadline timeout ahead, but not after that of its exchange.
func (l *Loop) armUpstream(u *upconn, timeout time.Duration) {
	if d := u.call.x.Attempts().Deadline; !d.IsZero() {
		timeout = min(timeout, d.Sub(l.now))
	}
	l.arm(&u.timer, max(timeout, 0))
}

// upstreamEvent is what epoll says of a connection to an endpoint.
func (l *Loop) upstreamEvent(u *upconn, events uint32) {
	if u.call == nil {
		l.discard(u) // closed, or it speaks without having been asked
		return
	}
	if events&writable != 0 && len(u.unsent) > 0 {
		n, err := send(u.fd, u.unsent)
		if err != 0 && err != unix.EAGAIN {
			l.broken(u, err)
			return
		}
		if u.unsent = u.unsent[max(n, 0):]; len(u.unsent) == 0 {
			l.watch(&u.socket, readable)
			l.armUpstream(u, u.pool.endpoint.Options().FirstByteTimeout)
		}
	}
	if events&(readable|dead) != 0 {
		l.readUpstream(u)
	}
}

// readUpstream reads once and acts on what has come. It returns how many bytes that was.
func (l *Loop) readUpstream(u *upconn) int {
	n, err := read(u.fd, l.in[:u.call.to.readable(len(l.in))])
	switch {
	case err == unix.EAGAIN:
		return 0
	case err != 0:
		l.broken(u, err)
		return 0
	case n == 0:
		l.upstreamEOF(u)
		return 0
	}
	b := l.in[:n]
	u.got = true
	if u.begun {
		l.relay(u, b, l.out[:0])
		return n
	}
	if len(u.saved) > 0 {
		u.saved = append(u.saved, b...)
		b = u.saved
	}
	l.head(u, b)
	return n
}

// complete ends an exchange whose response is all there.
func (l *Loop) complete(u *upconn) {
	c := u.call
	u.pool.endpoint.Answered(int(u.status))
	l.part(u)
	if u.keep {
		l.idle(u)
	} else {
		l.discard(u)
	}
	c.x.Done(u.pool.endpoint, l.now)
	l.giveBack(c.x)
	c.x = nil
	c.to.settle(l)
}

// upstreamEOF acts on the end of an endpoint's side.
func (l *Loop) upstreamEOF(u *upconn) {
	if u.begun && u.framing == wire.UntilClose {
		u.framing, u.keep = wire.NoContent, false
		out := l.out[:0]
		if u.as == wire.ByChunks {
			out = append(out, wire.LastChunk...)
		}
		l.relay(u, nil, out)
		return
	}
	l.broken(u, io.EOF)
}

// broken acts on a connection that has failed within an exchange.
func (l *Loop) broken(u *upconn, err error) {
	switch {
	case u.begun:
		l.cut(u, conn.ErrCut, nil)
	case u.got:
		l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: conn.ErrCut})
	default:
		l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: err})
	}
}

// giveUp ends an attempt whose response has not begun, and the exchange unless there is another.
func (l *Loop) giveUp(u *upconn, err *upstream.Error) {
	f := upstream.Failure{Err: err, Unsent: len(u.unsent) == len(u.call.x.Request()), Received: u.got}
	if u.reused && u.call.x.Attempts().Stale(f) {
		l.renew(u)
		return
	}
	c, p := u.call, u.pool
	l.part(u)
	l.discard(u)
	l.again(c, p, f)
	c.to.settle(l)
}

// renew makes an attempt once more, at the same endpoint on a new connection.
func (l *Loop) renew(u *upconn) {
	c, p := u.call, u.pool
	l.part(u)
	l.discard(u)
	if p.endpoint.TryAcquire() {
		l.dial(c, p)
		return
	}
	l.choose(c) // another exchange was quicker
	c.to.settle(l)
}

// again makes the next attempt of an exchange, or answers that it has failed. The caller goes on
// with the client.
func (l *Loop) again(c *call, p *pool, f upstream.Failure) {
	if c.x.Attempts().Again(p.endpoint, f) {
		l.choose(c)
	} else {
		l.fail(c, p.endpoint, f.Err)
	}
}

// fail answers a request whose exchange failed before its response began. The caller goes on
// with the client.
func (l *Loop) fail(c *call, e *upstream.Endpoint, err *upstream.Error) {
	x := c.x
	c.x, c.hold = nil, nil
	out, last := x.Fail(l.out[:0], e, err, c.to.ending(l))
	x.Done(e, l.now)
	l.giveBack(x)
	c.to.answer(l, out, last)
}

// cut ends a response that broke off. If nothing of it was sent yet it becomes a 502; otherwise
// the client has to notice: its connection ends, by a reset where a plain end could be taken for
// that of the content.
func (l *Loop) cut(u *upconn, err error, out []byte) {
	c, p := u.call, u.pool
	if !u.begun {
		c.to.end()
		l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassMalformed, Err: err})
		return
	}
	x := c.x
	if err != upstream.ErrLate && err != upstream.ErrIdle && err != upstream.ErrSlowClient { // which say nothing about the endpoint
		p.endpoint.Failed()
	}
	l.part(u)
	l.discard(u)
	c.x = nil
	x.Cut(p.endpoint, err)
	x.Done(p.endpoint, l.now)
	l.giveBack(x)
	c.to.cut(l, out, u.as != wire.UntilClose)
}

// cancel ends the exchange of a client that has gone.
func (l *Loop) cancel(c *call) {
	x, u := c.x, c.up
	c.x = nil
	switch {
	case u != nil:
		l.part(u)
		l.discard(u)
	case c.hold != nil:
		l.quit(c)
		c.hold = nil
	}
	x.Gone(l.now)
	l.giveBack(x)
}

// upstreamExpired acts on the deadline of an exchange.
func (l *Loop) upstreamExpired(u *upconn) {
	switch {
	case u.call == nil:
	case u.begun && expired(u.call.x.Attempts().Deadline):
		l.cut(u, upstream.ErrLate, nil)
	case u.begun && u.flow == wire.Plain:
		l.cut(u, upstream.ErrStalled, nil)
	case u.begun:
		l.cut(u, upstream.ErrIdle, nil)
	case expired(u.call.x.Attempts().Deadline):
		l.giveUp(u, &upstream.Error{Status: 504, Class: upstream.ClassTimeout, Err: os.ErrDeadlineExceeded})
	default:
		l.giveUp(u, &upstream.Error{Status: 504, Class: upstream.ClassFirstByte, Err: os.ErrDeadlineExceeded})
	}
}
