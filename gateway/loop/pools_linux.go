package loop

import (
	"slices"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// pools are the connections to endpoints that no exchange uses.
type pools struct {
	*reactor
	*memory
	of map[*upstream.Endpoint]*pool
}

// A pool is what a loop has of an endpoint: connections of its own.
type pool struct {
	endpoint *upstream.Endpoint
	idle     []*upconn // most recently used last
	resting  []*upconn // oldest first; see conn.Rest
}

func (ps *pools) poolOf(e *upstream.Endpoint) *pool {
	p := ps.of[e]
	if p == nil {
		p = &pool{endpoint: e}
		ps.of[e] = p
	}
	return p
}

// take returns an idle connection, or nil. In two cases it asks the socket whether anything has arrived, since epoll may not have
// reported it yet. After a response without content, late content may have come, which the next exchange would take for its response.
// And a request that must not be sent twice must not go to a connection that the endpoint has closed: it could not be sent again.
func (ps *pools) take(p *pool, idempotent bool) *upconn {
	if len(p.resting) > 0 {
		p.resting = slices.DeleteFunc(p.resting, func(u *upconn) bool {
			over := ps.now.Sub(u.since) >= u.rests
			if over {
				p.idle = append(p.idle, u)
			}
			return over
		})
	}
	for n := len(p.idle); n > 0; n = len(p.idle) {
		u := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if idempotent && u.framing != wire.NoContent || silent(u.fd) {
			return u
		}
		ps.discard(u)
	}
	return nil
}

// idle puts a connection into its pool.
func (ps *pools) idle(u *upconn) {
	p := u.pool
	if p.endpoint.Closed() || p.endpoint.Options().KeepAlive == 0 {
		ps.discard(u)
		return
	}
	u.since = ps.now
	ps.wheel.clear(&u.timer)
	ps.watch(&u.socket, readable)
	switch {
	case u.rests == 0:
		p.idle = append(p.idle, u)
	case len(p.resting) < conn.MaxResting:
		p.resting = append(p.resting, u)
	default:
		ps.discard(u)
	}
}

// discard closes a connection that has no exchange.
func (ps *pools) discard(u *upconn) {
	is := func(other *upconn) bool { return other == u }
	u.pool.idle, u.pool.resting = slices.DeleteFunc(u.pool.idle, is), slices.DeleteFunc(u.pool.resting, is)
	ps.hangUp(u)
}

// hangUp closes a connection that has no exchange and is in no pool.
func (ps *pools) hangUp(u *upconn) {
	if u.saved != nil {
		ps.release(u.saved)
		u.saved = nil
	}
	ps.shut(&u.socket)
}

// spare closes the connections that have been idle longest, half of them: descriptors are needed.
func (ps *pools) spare() {
	for _, p := range ps.of {
		n := (len(p.idle) + 1) / 2
		for _, u := range p.idle[:n] {
			ps.hangUp(u)
		}
		p.idle = slices.Delete(p.idle, 0, n)
	}
}

// expireIdle closes connections that have been idle for keep_alive or whose endpoint has left the
// configuration.
func (ps *pools) expireIdle() {
	for e, p := range ps.of {
		closed, keepAlive := e.Closed(), e.Options().KeepAlive
		for len(p.idle) > 0 && (closed || ps.now.Sub(p.idle[0].since) >= keepAlive) {
			ps.discard(p.idle[0])
		}
		for len(p.resting) > 0 && (closed || ps.now.Sub(p.resting[0].since) >= keepAlive) {
			ps.discard(p.resting[0])
		}
		if closed && len(p.idle)+len(p.resting) == 0 {
			delete(ps.of, e) // exchanges under way hold the pool themselves
		}
	}
}
