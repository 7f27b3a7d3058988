package loop

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// maxAhead bounds what is read of requests that have to wait for the one before.
const maxAhead = 16 << 10

// A client is a client's connection. It is small: between requests nothing else is kept for it.
type client struct {
	socket
	l      *Loop
	on     *edge.Listener
	peer   netip.Addr
	secure *tls.Conn // over the loop's records; nil: plain HTTP is spoken
	h2     *framed   // nil: HTTP/1.1 is spoken

	records int // of secure that were read, as far as is known; see unseal

	saved  []byte // read and not yet used: part of a request, or requests that wait
	need   int    // bytes that saved must hold before it is worth looking at
	unsent []byte // of responses; while there is any nothing else is done
	sent   int    // of unsent
	owed   int    // of that, what has to go out before the deadline
	ahead  int64  // what unsent counts for in allAhead
	call
	since  time.Duration // since the loop's start: when it fell silent; see silence
	linger int           // bytes read since the end of the sending side; -1: it has not ended
	state  connState     // flags
}

type connState uint8

const (
	ends      connState = 1 << iota // the connection ends after the response
	eof                             // the client has ended its side
	unread                          // the client may have sent what nobody will read
	partial                         // the deadline is that of a request that is not all here
	serving                         // requests is at work and will go on by itself
	postponed                       // requests goes on in the next turn
	leaving                         // the connection ends after the next response that has not begun
	asked                           // it has had a request
)

func (c *client) is(s connState) bool { return c.state&s != 0 }

// quiet reports whether the client is between requests.
func (c *client) quiet() bool {
	return c.x == nil && len(c.unsent) == 0 && len(c.saved) == 0 && c.linger < 0
}

// busy reports whether what comes in now has to wait.
func (c *client) busy() bool { return c.x != nil || len(c.unsent) > 0 || c.is(postponed) }

// waiting reports whether the client waits for its upstream, and for nothing else.
func (c *client) waiting() bool { return c.x != nil && len(c.unsent) == 0 }

// waits begins a client's wait for its upstream, or for more from it. That is bounded by the
// upstream's clock, unless the client has most likely gone.
func (l *Loop) waits(c *client) {
	if c.is(eof) {
		l.arm(&c.timer, l.ended)
	} else {
		l.wheel.clear(&c.timer)
	}
}

// begin makes a client of a descriptor; secure is what TLS is spoken by, and asked says that it has had a request before.
func (l *Loop) begin(fd int, peer netip.Addr, on *edge.Listener, secure *tls.Conn, asked, multiplexed bool) {
	c := &client{l: l, on: on, peer: peer, secure: secure, linger: -1}
	c.fd, c.socket.client, c.to = int32(fd), c, c
	l.clients.Add(1)
	if err := l.add(&c.socket, readable); err != nil {
		l.log.Warn("cannot watch a connection", "error", err)
		l.close(c)
		return
	}
	if multiplexed {
		l.multiplex(c)
	}
	timeouts := l.server.Options()
	switch {
	case on.Revoked():
		l.abort(c)
		return
	case l.draining || on.Retired():
		l.retire(c, l.grace)
	case asked:
		l.rests(c, edge.Between, l.server.Options().Idle)
	default:
		l.rests(c, edge.Fresh, timeouts.Header)
	}
	if secure != nil {
		l.guilty = c
		l.unseal(c) // the first request may have come with the end of the handshake
	}
}

// clientEvent is what epoll says of a client.
func (l *Loop) clientEvent(c *client, events uint32) {
	if events&dead != 0 {
		l.abort(c) // reset, or both sides have ended: nobody is there to answer
		return
	}
	if events&writable != 0 && !l.flush(c) {
		return
	}
	if events&readable != 0 {
		l.readClient(c)
	}
}

// readClient reads once and acts on what has come.
func (l *Loop) readClient(c *client) {
	if c.secure != nil && c.linger < 0 {
		l.readSecure(c)
		return
	}
	n, err := read(c.fd, l.in)
	switch {
	case err == unix.EAGAIN:
		return
	case err != 0:
		l.abort(c)
		return
	case n == 0:
		l.clientEOF(c)
		return
	}
	l.received(c, l.in[:n])
}

// received acts on bytes from a client.
func (l *Loop) received(c *client, came []byte) {
	switch {
	case c.h2 != nil && c.linger < 0:
		l.frames(c, came)
	case c.linger >= 0:
		if c.linger += len(came); c.linger > edge.MaxLinger {
			l.close(c)
		}
	case c.busy():
		l.save(c, came)
		if len(c.saved) >= maxAhead {
			l.watch(&c.socket, c.interest&^uint32(readable))
		}
	case len(c.saved) > 0:
		l.save(c, came)
		if len(c.saved) >= c.need && (c.need > 0 || hasControl(came) || len(c.saved) >= l.server.Options().Limits.HeadBytes) {
			l.requests(c, c.saved)
		}
	default:
		l.requests(c, came)
	}
}

// hasControl reports whether b holds a line end or another byte on which a head's fate can
// turn: without one, parsing again would find nothing new. A HTAB that may not be where it is can wait for the
// line's end, or a head of them, byte by byte, would be parsed as often as it has bytes.
func hasControl(b []byte) bool {
	for _, o := range b {
		if o < ' ' && o != '\t' {
			return true
		}
	}
	return false
}

// clientEOF acts on the end of the client's side. It may still wait for responses, for a little while.
func (l *Loop) clientEOF(c *client) {
	c.state |= eof
	switch {
	case c.h2 != nil && c.linger < 0:
		l.abort(c)
	case c.busy():
		l.watch(&c.socket, c.interest&^uint32(readable))
		if c.waiting() {
			l.waits(c)
		}
	case c.linger >= 0:
		l.close(c)
	case c.need > 0:
		l.refuseContent(c, wire.FaultTruncated)
	case len(c.saved) > 2:
		l.refuse(c, l.exchange(), c.saved, wire.FaultTruncated)
	default:
		l.close(c)
	}
}

// save keeps bytes for later.
func (l *Loop) save(c *client, b []byte) {
	if c.saved == nil {
		c.saved = l.buffer()
	}
	c.saved = append(c.saved, b...)
}

// keep makes b, which may be part of saved, all that is saved.
func (l *Loop) keep(c *client, b []byte) {
	if len(b) == 0 {
		if c.saved != nil {
			l.release(c.saved)
			c.saved = nil
		}
		return
	}
	if c.saved == nil {
		c.saved = l.buffer()
	}
	c.saved = append(c.saved[:0], b...)
}

// alive reports whether c is still a client of the loop.
func (l *Loop) alive(c *client) bool { return l.sockets[c.fd] == &c.socket }

// next goes on with a client whose response is all sent.
func (l *Loop) next(c *client) {
	switch {
	case c.h2 != nil:
		l.nextFrames(c)
	case c.is(ends):
		l.finishClient(c)
	case len(c.saved) > 0:
		l.requests(c, c.saved)
	case c.is(eof):
		l.close(c)
	case c.is(leaving):
		l.readOn(c)
		l.retire(c, l.grace)
	default:
		l.readOn(c)
		l.rests(c, edge.Between, l.server.Options().Idle)
	}
}

// readOn goes on with reading if that was stopped, unless requests enough wait already.
func (l *Loop) readOn(c *client) {
	if c.interest&readable == 0 && !c.is(eof) && (len(c.saved) < maxAhead || !c.busy()) {
		l.watch(&c.socket, c.interest|readable)
	}
}
