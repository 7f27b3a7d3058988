package pipe

import "time"

// This file has handlers wait for what a client says next, so that they begin nothing for a client that only means to keep the
// gateway and its upstreams busy.

// Moment is how long a handler waits for the content of a request that may come without, such as a call of gRPC whose server
// speaks first; and how long it waits with a request that is held.
const Moment = 100 * time.Millisecond

// mostMoments bounds the wait for content of a client that keeps doing what asks for nothing.
const mostMoments = 10

// Wait has the handler wait for content from now on as if the request had just come, within bounds: meanwhile the client has done
// what asks for nothing, such as DATA frames without content.
func (p *Pipe) Wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decided || !p.opens {
		return
	}
	p.until = time.Now().Add(Moment)
	if last := p.began.Add(mostMoments * Moment); p.until.After(last) {
		p.until = last
	}
}

// Hold keeps the request from the handler for a Moment, in case that the client resets it. It must be called before Begin.
func (p *Pipe) Hold() { p.notBefore = time.Now().Add(Moment) }

// patience ends what has lasted long enough, and returns when Read has to look again, zero if only a signal can change something.
// Precondition: p.mu is held.
func (p *Pipe) patience(now time.Time) (by time.Time) {
	by = p.readBy
	next := func(t time.Time) bool {
		if !now.Before(t) || !p.readBy.IsZero() && p.readBy.Before(t) {
			return false // the request begins now: if the read deadline came first, it would only be refused
		}
		if by.IsZero() || t.Before(by) {
			by = t
		}
		return true
	}
	if !next(p.notBefore) {
		p.notBefore = time.Time{}
	}
	if !p.decided && p.opens && !next(p.until) {
		p.decide(!p.sized)
	}
	return by
}
