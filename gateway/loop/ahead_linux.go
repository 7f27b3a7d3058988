package loop

import (
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// This file is about responses that come faster than their client takes them. So that the connection to the endpoint is free for
// others they are read ahead, within bounds; what is longer waits for the client, as a upstream.Holder.

// Bounds of what is read ahead: for a client, and for all clients of all loops. What one read brings may come on top.
const (
	aheadOfClient = 256 << 10
	aheadOfAll    = 64 << 20
)

// sendPiece is what a client has to take within body_idle.
const sendPiece = 64 << 10

// allAhead is what is read ahead for all clients, and most what it may be.
var allAhead struct{ bytes, most atomic.Int64 }

func init() {
	most := int64(aheadOfAll)
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		most = min(most, limit/8)
	}
	allAhead.most.Store(most)
}

// mayRunAhead reports whether more of a response may be read although c has not taken what is here.
func (l *Loop) mayRunAhead(c *client) bool {
	behind := len(c.unsent) - c.sent
	if behind >= aheadOfClient {
		return false
	}
	if more := int64(len(c.unsent)) - c.ahead; more > 0 {
		if allAhead.bytes.Add(more) > allAhead.most.Load() {
			allAhead.bytes.Add(-more)
			return false
		}
		c.ahead += more
	}
	return true
}

// caughtUp gives back what was read ahead for c.
func (c *client) caughtUp() {
	allAhead.bytes.Add(-c.ahead)
	c.ahead = 0
}

// holdBack has the endpoint wait until the caller has taken what is here.
func (ups *upstreams) holdBack(c *call, u *upconn) {
	c.feeding = u
	ups.watch(&u.socket, u.interest&^uint32(readable))
	ups.wheel.clear(&u.timer)
	if u.holder == nil {
		h := &upstream.Holder{}
		h.End = func() { ups.posted.post(func() { ups.evict(u, h) }) }
		u.holder = h
		u.pool.endpoint.Hold(h)
	}
	u.holder.Waits()
}

// evict ends an exchange whose client has to make room for others.
func (ups *upstreams) evict(u *upconn, h *upstream.Holder) {
	if u.holder == h && u.call != nil {
		u.call.to.blame()
		ups.cut(u, upstream.ErrSlowClient, nil)
	}
}

// took notes that c has taken bytes, and moves its deadline for each piece of them.
func (l *Loop) took(c *client, bytes int) {
	c.sent += bytes
	if c.owed -= bytes; c.owed <= 0 {
		l.owes(c, l.server.Options().BodyIdle)
	}
	if c.feeding != nil {
		c.feeding.holder.Moved(bytes, true)
	}
}

// owes gives c a deadline for the next piece. A byte now and then does not move it, or that would hold all of it for ever.
func (l *Loop) owes(c *client, within time.Duration) {
	c.owed = min(sendPiece, len(c.unsent)-c.sent)
	l.arm(&c.timer, within)
}
