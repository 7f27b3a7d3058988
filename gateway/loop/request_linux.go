package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// requests serves the requests in b one after the other, until one has to wait for something or
// it is somebody else's turn, and keeps the rest.
func (l *Loop) requests(c *client, b []byte) {
	c.state |= serving
	for served := 0; len(b) > 0 && c.x == nil && len(c.unsent) == 0 && !c.is(ends); served++ {
		if served == requestsATurn {
			l.postpone(c)
			break
		}
		n, alive := l.request(c, b)
		if !alive {
			return
		}
		if n == 0 {
			break
		}
		b = b[n:]
	}
	c.state &^= serving
	if c.is(ends) && c.x == nil && len(b) > 0 {
		c.state |= unread
		b = nil // what follows the last request is not read as one
	}
	l.keep(c, b)
	l.readOn(c)
	switch {
	case c.busy():
	case c.is(ends):
		l.finishClient(c)
	case c.is(eof):
		l.clientEOF(c) // the rest is no whole request
	case len(b) == 0:
		l.rests(c, edge.Between, l.server.Options().Idle)
	}
}

// postpone has c go on in the next turn.
func (l *Loop) postpone(c *client) {
	c.state |= postponed
	l.wheel.clear(&c.timer)
	l.later = append(l.later, c)
}

// resumeAll goes on with those that were postponed in the last turn.
func (l *Loop) resumeAll() {
	for range len(l.later) {
		c := l.later[0]
		l.later = l.later[1:]
		if l.alive(c) {
			c.state &^= postponed
			l.guilty = c
			l.next(c)
		}
	}
	if len(l.later) == 0 {
		l.later = nil
	}
}

// request begins the request at the front of b. It returns the bytes it takes, 0 if it is not
// all here, and whether the client is still the loop's.
func (l *Loop) request(c *client, b []byte) (n int, alive bool) {
	opts := l.server.Options()
	x := l.exchange()
	r := x.Head()
	head, fault := r.Parse(b, opts.Limits)
	if fault != nil {
		if c.on.H2C && edge.PriorKnowledge(b) {
			l.giveBack(x)
			l.switchToFrames(c, b)
		} else {
			l.refuse(c, x, b, fault)
		}
		return 0, false
	}
	if head == 0 {
		l.giveBack(x)
		l.await(c, 0, opts.Header)
		return 0, true
	}
	size, used, trailers, handOver := l.content(r, b[head:])
	if handOver {
		l.giveBack(x)
		l.handOver(c, b)
		return 0, false
	}
	if used < 0 {
		l.giveBack(x)
		l.await(c, head+int(r.Length), opts.BodyIdle)
		return 0, true
	}
	c.need = 0
	c.state = c.state&^partial | asked
	out, last, next := l.beginExchange(c, x)
	switch next {
	case Elsewhere:
		l.giveBack(x)
		l.handOver(c, b)
		return 0, false
	case Forwarded:
		content := b[head : head+size]
		if r.Chunked {
			wire.Unchunk(content, b[head:head+used])
		}
		if fault = x.Prepare(content, trailers); fault == nil {
			l.ups.forward(&c.call, x)
			return head + used, l.alive(c)
		}
		out, last = x.Refuse(l.out[:0], fault), true
	}
	x.Done(nil, l.now)
	l.giveBack(x)
	return head + used, l.respond(c, out, last)
}

func (l *Loop) beginExchange(c *client, x Exchange) (out []byte, last bool, next Next) {
	r := x.Head()
	if r.Close || c.is(leaving) || l.server.UnderPressure() {
		c.state |= ends
	}
	// Chunks that nobody wants end the connection: edge, which may not have them all, does so, and
	// which engine it is should not show.
	return x.Begin(l.out[:0], l.clientOf(c, c.is(ends) || r.Chunked))
}

// respond sends a response, or the beginning of one; last says that the connection ends after it.
// out is the loop's buffer.
func (l *Loop) respond(c *client, out []byte, last bool) bool {
	if last {
		c.state |= ends
	}
	l.out = out[:0]
	return l.send(c, out)
}

// await waits for the rest of a request: need bytes in all, or, for 0, the end of its head.
// The deadline is set once for a head and once for the content, so that bytes in drops do not move it.
func (l *Loop) await(c *client, need int, timeout time.Duration) {
	if !c.is(partial) || c.need != need {
		c.state |= partial
		c.since = l.now.Sub(l.start)
		l.arm(&c.timer, timeout)
	}
	c.need = need
}

// content finds the content of a request in b, which follows its head. It returns its bytes when
// decoded and those it takes, -1 if it is small but not all here, and the trailer section. handOver reports that the request is
// not for the loop.
func (l *Loop) content(r *wire.Request, b []byte) (size, used int, trailers []byte, handOver bool) {
	switch {
	case r.Chunked:
		size, used, d, fault := wire.Unchunk(nil, b)
		return size, used, d.Trailers(), fault != nil || !d.Done()
	case r.Length <= int64(len(b)):
		return int(r.Length), int(r.Length), nil, false
	case r.Length > smallContent || r.Continue:
		return 0, 0, nil, true
	}
	return 0, -1, nil, false
}

// send sends bytes to a client. It reports false if the client is no more.
func (l *Loop) send(c *client, b []byte) bool {
	if c.secure != nil && len(b) > 0 {
		b = l.records.seal(c.secure, b)
	}
	return l.put(c, b)
}

// put writes bytes to a client's socket. What does not go out at once is kept and goes first. It reports
// false if the client is no more.
func (l *Loop) put(c *client, b []byte) bool {
	if len(c.unsent) == 0 && len(b) > 0 {
		n, err := send(c.fd, b)
		switch {
		case err == unix.EAGAIN:
		case err != 0:
			l.abort(c)
			return false
		default:
			b = b[n:]
		}
	}
	if len(b) > 0 {
		began := len(c.unsent) == 0
		if c.unsent == nil {
			c.unsent = l.buffer()
		}
		c.unsent = append(c.unsent, b...)
		if began {
			l.watch(&c.socket, c.interest|writable)
			l.owes(c, l.server.Options().BodyIdle)
		}
	}
	return true
}

// flush sends what was kept. It reports false if the client is no more.
func (l *Loop) flush(c *client) bool {
	if len(c.unsent) == 0 {
		return true
	}
	n, err := send(c.fd, c.unsent[c.sent:])
	switch {
	case err == unix.EAGAIN:
		return true
	case err != 0:
		l.abort(c)
		return false
	}
	if l.took(c, n); c.sent < len(c.unsent) {
		if c.sent > len(c.unsent)/2 { // not at each write, or what is small would move what is large many times
			c.unsent, c.sent = append(c.unsent[:0], c.unsent[c.sent:]...), 0
		}
		return true
	}
	l.release(c.unsent)
	c.unsent, c.sent = nil, 0
	c.caughtUp()
	l.watch(&c.socket, c.interest&^uint32(writable))
	switch {
	case c.feeding != nil:
		l.ups.feed(&c.call)
	case c.x == nil:
		l.next(c)
	default:
		l.waits(c)
	}
	return l.alive(c)
}

// refuse answers a request whose head, at the front of b, is refused, and ends the connection. What the head still lacks edge
// waits for a moment: it may say who can read the answer. x is given back.
func (l *Loop) refuse(c *client, x Exchange, b []byte, f *wire.Fault) {
	var s wire.Salvage
	if !s.Feed(b) && !edge.Incomplete(f) {
		l.giveBack(x)
		l.handOver(c, b)
		return
	}
	s.Request(x.Head())
	out := x.Reject(l.out[:0], l.clientOf(c, true), f)
	x.Done(nil, l.now)
	l.giveBack(x)
	l.finalResponse(c, out)
}

// clientOf returns what an exchange has to know of a client, whose connection ends after the response if ends is set.
func (l *Loop) clientOf(c *client, ends bool) Client {
	return Client{Peer: c.peer, Identity: edge.IdentityOf(c.secure), On: c.on, Ends: ends, Now: l.now}
}

// refuseContent answers a request whose content is not all there and will not come, and ends the
// connection. The head is known: what can be answered without content is, and a refusal is shared
// with the page.
func (l *Loop) refuseContent(c *client, f *wire.Fault) {
	x := l.exchange()
	if n, fault := x.Head().Parse(c.saved, l.server.Options().Limits); n == 0 || fault != nil {
		l.refuse(c, x, c.saved, f) // a reload has changed the limits
		return
	}
	out, _, next := l.beginExchange(c, x)
	if next != Answered {
		out = x.Refuse(l.out[:0], f)
	}
	x.Done(nil, l.now)
	l.giveBack(x)
	l.finalResponse(c, out)
}

// finalResponse sends a response after which the connection ends, whatever the client still sends.
func (l *Loop) finalResponse(c *client, out []byte) {
	c.state |= unread
	if l.respond(c, out, true) && len(c.unsent) == 0 {
		l.finishClient(c)
	}
}
