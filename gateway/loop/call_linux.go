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
	// client returns the connection.
	client() *client
	// waits begins a wait for the upstream, whose clock bounds it; waitsBy one for a connection, by a deadline, which may be zero.
	waits(l *Loop)
	waitsBy(l *Loop, deadline time.Time)
	// ending reports whether the connection ends after a response that begins now. end says that it does.
	ending(l *Loop) bool
	end()
	// framing returns how content is framed for the caller, which HTTP/1.1 would frame in this way; UntilClose: not at all.
	framing(as wire.Framing) wire.Framing
	// interim sends an interim response, answer a whole one, or the beginning of one whose rest is not the call's; deliver a part
	// of one, of which the first head bytes are its head, and end says that it is the last; trailers come with it, which are in out
	// already where content is framed. They report false if the caller is no more. out is the loop's buffer.
	interim(l *Loop, out []byte) bool
	answer(l *Loop, out []byte, last bool) bool
	deliver(l *Loop, out []byte, head int, end bool, trailers []byte) bool
	// readable returns how much may be read from the upstream at once, of so much at most.
	readable(most int) int
	// behind reports whether something has yet to go out; full whether the upstream has to wait for that: then the caller calls
	// feed when it has room.
	behind() bool
	full(l *Loop) bool
	// cut ends a response that broke off, after out. plain: the client can tell from a plain end of the connection.
	cut(l *Loop, out []byte, plain bool)
	// settle goes on after a call, unless the response has yet to go out.
	settle(l *Loop)
}

func (c *client) client() *client { return c }

func (c *client) waits(l *Loop) { l.waits(c) }

func (c *client) waitsBy(l *Loop, deadline time.Time) {
	switch {
	case c.is(eof):
		l.arm(&c.timer, l.ended)
	case deadline.IsZero():
		l.wheel.clear(&c.timer)
	default:
		l.arm(&c.timer, max(deadline.Sub(l.now), 0))
	}
}

func (c *client) ending(l *Loop) bool {
	if c.is(leaving) || l.server.UnderPressure() {
		c.state |= ends
	}
	return c.is(ends)
}

func (c *client) end() { c.state |= ends }

func (c *client) framing(as wire.Framing) wire.Framing { return as }

func (c *client) interim(l *Loop, out []byte) bool { return l.send(c, out) }

func (c *client) answer(l *Loop, out []byte, last bool) bool { return l.respond(c, out, last) }

func (c *client) deliver(l *Loop, out []byte, _ int, _ bool, _ []byte) bool {
	return len(out) == 0 || l.send(c, out)
}

func (c *client) readable(most int) int { return most }

func (c *client) behind() bool { return len(c.unsent) > 0 }

func (c *client) full(l *Loop) bool { return c.behind() && !l.mayRunAhead(c) }

func (c *client) cut(l *Loop, out []byte, plain bool) {
	switch {
	case len(out) > 0 && !l.send(c, out):
	case plain:
		l.close(c)
	default:
		l.reset(c)
	}
}

func (c *client) settle(l *Loop) {
	if c.x == nil && len(c.unsent) == 0 && !c.is(serving) && l.alive(c) {
		l.next(c)
	}
}
