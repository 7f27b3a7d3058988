package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
)

// This file serves connections that speak HTTP/2. The session, which is package h2's, says what their bytes mean; see
// stream_linux.go for what becomes of a request. What is to be sent gathers in the session, and goes out at the end of the
// turn, so that many small answers are one record and one system call.

// Bounds of a connection that speaks HTTP/2.
const (
	flushBytes  = 32 << 10         // are sent before the end of the turn
	mostPending = 64 << 10         // bytes that wait for a client's socket before nothing more is read from it
	pingAfter   = 30 * time.Second // without a frame from the client
	pingTimeout = 15 * time.Second

	streamsATurn = 64        // requests of one connection that are begun in a turn
	sharesATurn  = 256 << 10 // bytes that streams which have waited for room are sent in a turn
)

// A framed is what a connection that speaks HTTP/2 has beyond others.
type framed struct {
	h2.Session
	dirty   bool // it is in l.dirty
	asked   bool // a PING is out
	blocked bool // the deadline is that of a header block
	leaves  bool // GOAWAY was sent
	waiting int  // streams that have something for the client which there was no room for
	grown   bool // there may be room now
	begun   int  // requests in this turn
}

// multiplex makes c a connection that speaks HTTP/2.
func (l *Loop) multiplex(c *client) {
	c.h2 = &framed{}
	c.h2.Out = l.buffer()
	c.h2.Init(&l.scratch, l.server.HTTP2(c.on), l.now)
	l.touch(c)
}

// switchToFrames makes c, which has sent b and nothing else, a connection that speaks HTTP/2.
func (l *Loop) switchToFrames(c *client, b []byte) {
	b = append(l.buffer(), b...)
	l.keep(c, nil)
	c.state &^= serving | partial
	c.need = 0
	l.multiplex(c)
	l.frames(c, b)
	l.release(b)
}

// touch has what the session of c has to say sent at the end of the turn.
func (l *Loop) touch(c *client) {
	if !c.h2.dirty {
		c.h2.dirty = true
		l.dirty = append(l.dirty, c)
	}
}

// flushDirty sends what sessions have to say.
func (l *Loop) flushDirty() {
	for len(l.dirty) > 0 {
		c := l.dirty[len(l.dirty)-1]
		l.dirty = l.dirty[:len(l.dirty)-1]
		c.h2.dirty = false
		if !l.alive(c) || c.linger >= 0 {
			continue
		}
		l.guilty = c
		if c.h2.begun = 0; c.h2.grown {
			l.pumpAll(c)
		}
		if l.alive(c) {
			l.flushFrames(c)
		}
	}
}

// flushFrames sends what the session of c has to say. It reports false if the client is no more.
func (l *Loop) flushFrames(c *client) bool {
	out := c.h2.Out
	if len(out) > 0 {
		c.h2.Out = nil
		alive := l.send(c, out)
		l.release(out)
		if !alive {
			return false
		}
		if len(c.unsent) > mostPending {
			l.watch(&c.socket, c.interest&^uint32(readable))
		}
	}
	if c.is(ends) && len(c.unsent) == 0 {
		l.finishClient(c)
		return false
	}
	return true
}

// room has the session of c write to a buffer of the free list.
func (l *Loop) room(c *client) *framed {
	if c.h2.Out == nil {
		c.h2.Out = l.buffer()
	}
	l.touch(c)
	return c.h2
}

// frames acts on what has come of a connection that speaks HTTP/2. If that is more requests than one may begin in a turn the rest
// waits for the next: other connections have theirs first.
func (l *Loop) frames(c *client, came []byte) {
	s, b := l.room(c), came
	s.asked = s.asked && len(came) == 0
	if len(c.saved) > 0 || c.is(postponed) {
		l.save(c, came)
		b = c.saved
	}
	if c.is(postponed) {
		if len(b) >= maxAhead {
			l.watch(&c.socket, c.interest&^uint32(readable))
		}
		return
	}
	s.Scan(b)
	budget := s.Budget()
	for len(b) > 0 && !c.is(ends) && len(c.unsent) <= mostPending {
		if s.begun >= streamsATurn {
			l.putOff(c)
			break
		}
		n, ev := s.Next(b, l.now)
		if n == 0 && ev.Kind == h2.None {
			break
		}
		b = b[n:]
		if l.frame(c, ev); !l.alive(c) {
			return
		}
	}
	for len(l.undecided) > 0 {
		t := l.undecided[len(l.undecided)-1]
		l.undecided = l.undecided[:len(l.undecided)-1]
		l.decide(t)
	}
	if s.Budget() < budget {
		s.waitBridges()
	}
	if c.is(ends) {
		b = nil
	}
	l.keep(c, b)
	l.restFrames(c)
}

// frame acts on an event.
func (l *Loop) frame(c *client, ev h2.Event) {
	switch ev.Kind {
	case h2.Request:
		c.h2.begun++
		l.beginStream(c, ev.Stream, ev.End)
	case h2.Data:
		l.streamContent(ev.Stream.Owner.(*stream), ev.Data, ev.End, nil, nil)
	case h2.Trailers:
		l.streamTrailers(ev.Stream.Owner.(*stream), ev.Data, c.h2.Head().Fault != nil)
	case h2.Gone:
		if ev.Ours {
			l.server.Fault(edge.FaultFrames, c.peer)
		}
		if ev.Stream != nil {
			l.streamGone(ev.Stream.Owner.(*stream))
		}
	case h2.Sendable:
		c.h2.grown = true // at the end of the turn: there may be more such frames, and the loop's buffers are in use
	case h2.Fatal:
		l.server.FatalFrames(ev.Cause, c.on, c.peer)
		l.lastFrames(c)
	}
}

// lastFrames ends a connection when what its session has said has been sent.
func (l *Loop) lastFrames(c *client) {
	l.endStreams(c)
	c.state |= ends | unread
	l.touch(c)
}

// restFrames sets the deadline of a connection, as things stand.
func (l *Loop) restFrames(c *client) {
	s := c.h2
	switch {
	case len(c.unsent) > 0 || c.is(ends): // it is that of what is to be sent
	case s.Blocked() || !s.Begun():
		if !s.blocked {
			s.blocked = true
			l.arm(&c.timer, l.server.Options().Header)
		}
		return
	case s.asked:
		l.arm(&c.timer, pingTimeout)
	case s.Open() > 0:
		l.arm(&c.timer, pingAfter)
	case s.leaves:
		l.arm(&c.timer, l.grace)
	default:
		after := edge.Between
		if !c.is(asked) {
			after = edge.Fresh
		}
		l.rests(c, after, l.server.Options().Idle)
	}
	s.blocked = false
}

// framesExpired acts on the deadline of a connection that speaks HTTP/2.
func (l *Loop) framesExpired(c *client) {
	s := c.h2
	switch {
	case len(c.unsent) > 0 || c.linger >= 0:
		l.abort(c)
	case s.blocked:
		l.server.Fault(edge.FaultTimeout, c.peer)
		l.room(c).Last(h2.NoError)
		l.lastFrames(c)
	case s.Open() > 0 && !s.asked:
		l.room(c).Ping()
		s.asked = true
		l.restFrames(c)
	case s.Open() > 0: // the PING was not answered
		l.abort(c)
	case !s.leaves:
		l.goAway(c)
	default:
		l.room(c).Last(h2.NoError)
		l.lastFrames(c)
	}
}

// goAway tells a client to open no more streams, once.
func (l *Loop) goAway(c *client) {
	if !c.h2.leaves {
		c.h2.leaves = true
		l.room(c).Leave()
	}
	l.restFrames(c)
}

// nextFrames goes on with a client to which all has been sent.
func (l *Loop) nextFrames(c *client) {
	if c.is(ends) {
		l.finishClient(c)
		return
	}
	c.h2.grown = true
	l.touch(c)
	if len(c.saved) > 0 {
		l.frames(c, nil)
	} else {
		l.restFrames(c)
	}
	if l.alive(c) {
		l.readOn(c)
	}
}

// endStreams ends what a client that has gone has asked for.
func (l *Loop) endStreams(c *client) {
	for st := range c.h2.All() {
		l.endStream(st.Owner.(*stream))
	}
}
