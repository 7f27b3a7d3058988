package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// This file is the loop as an edge.Reliever: what it holds of requests that are not all there.

// holds returns how much memory a client holds for a request that is not all there, and for that alone, if it has waited for so long.
func (l *Loop) holds(c *client, age time.Duration) int {
	if !c.is(partial) || c.busy() || c.linger >= 0 || c.h2 != nil || !l.server.Partial(l.silence(c), age) {
		return 0
	}
	return cap(c.saved)
}

// holdsStream is the same for a request of HTTP/2.
func (l *Loop) holdsStream(t *stream, age time.Duration) int {
	if t.text == nil || !l.server.Partial(l.server.NewSilence(edge.Partial, l.start.Add(t.since)), age) {
		return 0
	}
	return cap(t.text) + cap(t.content)
}

// Bounds of one turn: all other clients wait meanwhile.
const (
	relieveATurn = 32   // requests that are refused
	lookATurn    = 4096 // sockets and streams that are looked at
)

// partials calls f for each request of an age that is not all there, with what it holds, until f returns false or a turn has looked at
// enough. It begins with a socket, and returns the one to go on with, or len(l.sockets).
func (l *Loop) partials(age time.Duration, from int, f func(c *client, t *stream, n int) bool) (next int) {
	left := lookATurn
	for i := from; i < len(l.sockets); i++ {
		if left--; left < 0 {
			return i
		}
		s := l.sockets[i]
		if s == nil || s.client == nil {
			continue
		}
		c := s.client
		if n := l.holds(c, age); n > 0 && !f(c, nil, n) {
			return i
		}
		if c.h2 == nil || c.linger >= 0 {
			continue
		}
		for st := range c.h2.All() {
			left--
			if t, ok := st.Owner.(*stream); ok {
				if n := l.holdsStream(t, age); n > 0 && !f(c, t, n) {
					return i
				}
			}
		}
	}
	return len(l.sockets)
}

// Held is part of edge.Reliever.
func (l *Loop) Held(age time.Duration, h *edge.Held) {
	l.inTurns(func(from int) (next int) {
		return l.partials(age, from, func(_ *client, _ *stream, n int) bool { h.Add(n); return true })
	})
}

// inTurns has f go over the sockets, beginning with one, in as many turns as it takes: it returns the one to go on with.
func (l *Loop) inTurns(f func(from int) (next int)) {
	for next, done := 0, false; !done; {
		done = true                // unless the loop says otherwise: it may have ended
		l.posted.do(func() error { // there is no error
			next = f(next)
			done = next >= len(l.sockets)
			return nil
		})
	}
}

// Relieve is part of edge.Reliever.
func (l *Loop) Relieve(age time.Duration, least int, most int64) (ended int, freed int64) {
	l.inTurns(func(from int) (next int) {
		n, bytes, next := l.relieve(age, least, most-freed, from)
		ended, freed = ended+n, freed+bytes
		if freed >= most {
			return len(l.sockets)
		}
		return next
	})
	return ended, freed
}

// relieve ends some of those requests, from a socket on, and returns the one to go on with.
func (l *Loop) relieve(age time.Duration, least int, most int64, from int) (ended int, freed int64, next int) {
	type request struct {
		c *client
		t *stream
	}
	var all []request
	next = l.partials(age, from, func(c *client, t *stream, n int) bool {
		if n >= least {
			all, freed = append(all, request{c, t}), freed+int64(n)
		}
		return freed < most && len(all) < relieveATurn
	})
	for _, r := range all {
		switch l.guilty = r.c; {
		case !l.alive(r.c):
		case r.t == nil && r.c.need > 0:
			l.refuseContent(r.c, edge.FaultMemory)
		case r.t == nil:
			l.refuse(r.c, l.exchange(), r.c.saved, edge.FaultMemory)
		case r.t.c == r.c && r.t.text != nil:
			l.refuseStreamContent(r.t, edge.FaultMemory)
		}
	}
	return len(all), freed, next
}
