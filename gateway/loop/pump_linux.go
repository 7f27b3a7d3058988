package loop

import "github.com/corsgate/corsgate/gateway/h2"

// This file shares out the room that a client makes: its windows, and its socket. What streams have for it waits in them, and
// in the sockets of their upstreams, until it is their turn.

// putOff has a connection that speaks HTTP/2 go on in the next turn.
func (l *Loop) putOff(c *client) {
	if !c.is(postponed) {
		c.state |= postponed
		l.later = append(l.later, c)
	}
}

// pumpAll goes on with the streams of c that have waited for room.
func (l *Loop) pumpAll(c *client) {
	s := c.h2
	if s.grown = false; s.waiting == 0 || len(c.unsent) > 0 {
		return // it comes again when all is sent
	}
	l.turns = l.turns[:0]
	for st := range s.All() {
		if st.Owner.(*stream).queued {
			l.turns = append(l.turns, st)
		}
	}
	left := sharesATurn
	s.Share(l.turns, func() bool { return left > 0 && l.alive(c) && len(c.unsent) == 0 }, func(st *h2.Stream) bool {
		more := l.pump(st.Owner.(*stream))
		if more { // without progress there must be no other turn for it
			left -= h2.Share
		}
		return more
	})
	clear(l.turns)
	if left <= 0 && l.alive(c) && len(c.unsent) == 0 {
		l.putOff(c)
	}
}

// pump sends a share of what a stream has for the client, and reports whether there may be more.
func (l *Loop) pump(t *stream) (more bool) {
	c, st := t.c, t.st
	switch {
	case t.bridge != nil:
		return l.pour(t)
	case len(t.unsent) > 0:
		if !l.sendUnsent(t) {
			return false
		}
		if len(t.unsent) > 0 {
			return true
		}
		if t.feeding == nil {
			t.settle()
			return false
		}
	}
	if t.full() {
		return false
	}
	if t.wait(false); t.feeding != nil {
		l.ups.feed(&t.call)
	}
	if t.up == nil || !t.up.begun {
		return false
	}
	n := l.ups.readUpstream(t.up)
	return n >= h2.Share && l.alive(c) && t.st == st && t.up != nil
}

// sendUnsent sends a share of what was kept. It reports false if there was no window.
func (l *Loop) sendUnsent(t *stream) bool {
	s, b := l.room(t.c), t.unsent
	share := b[:min(len(b), h2.Share)]
	rest := t.appendData(share, t.over && len(share) == len(b))
	n := len(share) - len(rest)
	if n == 0 && len(b) > 0 {
		return false
	}
	if t.feeding != nil {
		t.feeding.holder.Moved(n, true)
	}
	if n < len(b) {
		t.unsent = b[:copy(b, b[n:])]
		l.arm(&t.timer, l.server.Options().BodyIdle)
	} else {
		l.release(b)
		t.unsent = nil
		t.wait(false)
		l.wheel.clear(&t.timer)
	}
	if len(s.Out) > flushBytes && len(t.c.unsent) == 0 {
		return l.flushFrames(t.c)
	}
	return true
}
