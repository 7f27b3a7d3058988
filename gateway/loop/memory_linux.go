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

// partials calls f for each request of an age that is not all there, with what it holds, until f returns false. It begins with a
// socket, and returns the one to go on with, or len(l.sockets).
func (l *Loop) partials(age time.Duration, from int, f func(c *client, t *stream, n int) bool) (next int) {
	for i := from; i < len(l.sockets); i++ {
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
	l.do(func() error { // there is no error
		l.partials(age, 0, func(_ *client, _ *stream, n int) bool { h.Add(n); return true })
		return nil
	})
}

// relieveATurn bounds how many requests are refused in one turn: all other clients wait meanwhile.
const relieveATurn = 32

// Relieve is part of edge.Reliever.
func (l *Loop) Relieve(age time.Duration, least int, most int64) (ended int, freed int64) {
	for next, done := 0, false; !done && freed < most; {
		done = true         // unless the loop says otherwise: it may have ended
		l.do(func() error { // likewise
			var n int
			var bytes int64
			n, bytes, next = l.relieve(age, least, most-freed, next)
			ended, freed, done = ended+n, freed+bytes, next >= len(l.sockets)
			return nil
		})
	}
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
