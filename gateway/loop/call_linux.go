package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// A call is one exchange with an upstream, from the choice of an endpoint to the end of the response.
type call struct {
	x       Exchange // nil: there is none
	up      *upconn  // that x waits for, once the request is on its way
	hold    *hold    // why x waits for a connection
	feeding *upconn  // that waits for its caller to have room
	to      caller   // never nil
}

// A caller is who a call is made for: a client that speaks HTTP/1.1, or a stream of one that speaks HTTP/2.
type caller interface {
	// blame notes that a panic would be the caller's doing.
	blame()
	// waits begins a wait for the upstream, whose clock bounds it; waitsBy one for a connection, by a deadline, which may be zero.
	waits()
	waitsBy(deadline time.Time)
	// ending reports whether the connection ends after a response that begins now. end says that it does.
	ending() bool
	end()
	// framing returns how content is framed for the caller, which HTTP/1.1 would frame in this way; UntilClose: not at all.
	framing(as wire.Framing) wire.Framing
	// interim sends an interim response, answer a whole one, or the beginning of one whose rest is not the call's; deliver a part
	// of one, of which the first head bytes are its head, and end says that it is the last; trailers come with it, which are in out
	// already where content is framed. They report false if the caller is no more. out is the loop's buffer.
	interim(out []byte) bool
	answer(out []byte, last bool) bool
	deliver(out []byte, head int, end bool, trailers []byte) bool
	// readable returns how much may be read from the upstream at once, of so much at most.
	readable(most int) int
	// behind reports whether something has yet to go out; full whether the upstream has to wait for that: then the caller calls
	// feed when it has room.
	behind() bool
	full() bool
	// cut ends a response that broke off, after out. plain: the client can tell from a plain end of the connection.
	cut(out []byte, plain bool)
	// settle goes on after a call, unless the response has yet to go out.
	settle()
}

func (c *client) blame() { c.l.guilty = c }

func (c *client) waits() { c.l.waits(c) }

func (c *client) waitsBy(deadline time.Time) {
	switch {
	case c.is(eof):
		c.l.arm(&c.timer, c.l.ended)
	case deadline.IsZero():
		c.l.wheel.clear(&c.timer)
	default:
		c.l.arm(&c.timer, max(deadline.Sub(c.l.now), 0))
	}
}

func (c *client) ending() bool {
	if c.is(leaving) || c.l.server.UnderPressure() {
		c.state |= ends
	}
	return c.is(ends)
}

func (c *client) end() { c.state |= ends }

func (c *client) framing(as wire.Framing) wire.Framing { return as }

func (c *client) interim(out []byte) bool { return c.l.send(c, out) }

func (c *client) answer(out []byte, last bool) bool { return c.l.respond(c, out, last) }

func (c *client) deliver(out []byte, _ int, _ bool, _ []byte) bool {
	return len(out) == 0 || c.l.send(c, out)
}

func (c *client) readable(most int) int { return most }

func (c *client) behind() bool { return len(c.unsent) > 0 }

func (c *client) full() bool { return c.behind() && !c.l.mayRunAhead(c) }

func (c *client) cut(out []byte, plain bool) {
	switch {
	case len(out) > 0 && !c.l.send(c, out):
	case plain:
		c.l.close(c)
	default:
		c.l.reset(c)
	}
}

func (c *client) settle() {
	if c.x == nil && len(c.unsent) == 0 && !c.is(serving) && c.l.alive(c) {
		c.l.next(c)
	}
}
