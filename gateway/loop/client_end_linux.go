package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// This file ends connections with clients.

// retire has a connection end: after the response that is under way or, between requests, after one
// more request, which its client may have sent already, or the grace.
func (l *Loop) retire(c *client, grace time.Duration) {
	c.state |= leaving
	switch {
	case c.on.Revoked():
		l.revoke(c)
		return
	case c.h2 != nil:
		l.goAway(c)
		return
	}
	if c.quiet() {
		l.arm(&c.timer, grace)
	}
}

// revoke has a connection serve nothing but what is under way.
func (l *Loop) revoke(c *client) {
	switch {
	case c.h2 == nil && !c.busy() && c.need == 0 && c.linger < 0:
		l.abort(c)
	case c.h2 == nil || c.is(ends):
	default:
		l.goAway(c)
		l.room(c).Last(h2.NoError)
		if c.h2.Open() == 0 {
			l.lastFrames(c)
		} else {
			l.restFrames(c)
		}
	}
}

// finishClient closes a connection after its last response. If the client may have sent more than
// was read, a close would send a reset, which could overtake the response, so the client is given
// a little time to end its side.
func (l *Loop) finishClient(c *client) {
	if len(c.saved) == 0 && !c.is(unread) || c.is(eof) {
		l.close(c)
		return
	}
	l.keep(c, nil)
	c.linger = 0
	l.farewell(c)
	unix.Shutdown(int(c.fd), unix.SHUT_WR) // a dead socket shows at the read
	l.watch(&c.socket, readable)
	c.since = l.now.Sub(l.start)
	l.arm(&c.timer, edge.LingerTime)
}

// clientExpired acts on a client's deadline.
func (l *Loop) clientExpired(c *client) {
	switch {
	case c.h2 != nil:
		l.framesExpired(c)
	case c.is(eof) && c.waiting():
		l.giveUpClient(c)
	case c.hold != nil:
		l.ups.queueExpired(&c.call)
	case !c.is(partial) || len(c.unsent) > 0 || c.x != nil || c.linger >= 0:
		l.abort(c)
	case c.need > 0:
		l.refuseContent(c, edge.FaultTimeout)
	default:
		l.refuse(c, l.exchange(), c.saved, edge.FaultTimeout)
	}
}

// close closes a connection that has no exchange.
func (l *Loop) close(c *client) {
	l.farewell(c)
	l.endClient(c)
}

// endClient takes the loop's leave of a client.
func (l *Loop) endClient(c *client) {
	if c.h2 != nil {
		l.endStreams(c)
	}
	l.server.Release(c.peer, c.on)
	l.clients.Add(-1)
	l.shut(&c.socket)
	l.forget(c)
}

// abort gives up a connection and the exchange on it, if there is one.
func (l *Loop) abort(c *client) {
	if c.x != nil {
		l.ups.cancel(&c.call)
	}
	if len(c.unsent) > 0 {
		l.reset(c) // a client that does not read would leave what was sent to it in the kernel, after the connection is gone
		return
	}
	l.close(c)
}

// giveUpClient gives up a client that has ended its side and is still without its response. In case that
// it listens, it must not take what it has for a whole one.
func (l *Loop) giveUpClient(c *client) {
	cut := c.call.up != nil && c.call.up.begun && c.call.up.as == wire.UntilClose
	l.ups.cancel(&c.call)
	if cut {
		l.reset(c)
	} else {
		l.close(c)
	}
}

// reset closes a connection so that the client can tell that its response is not complete.
func (l *Loop) reset(c *client) {
	unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // best effort
	l.endClient(c)
}

// forget returns what a client holds of the loop.
func (l *Loop) forget(c *client) {
	l.keep(c, nil)
	if c.unsent != nil {
		l.release(c.unsent)
		c.unsent, c.sent = nil, 0
	}
	c.caughtUp()
}
