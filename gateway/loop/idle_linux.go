package loop

import (
	"slices"

	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file keeps the connections to endpoints that no exchange uses.

// take returns an idle connection, or nil. What has come on one, of which epoll has not told yet, is looked for in two cases. After a
// response without content it could be late content, which the next exchange would take for its response. And a request that must
// not be sent twice must not meet a connection that the endpoint has closed already: it could not be sent on another one.
func (l *Loop) take(p *pool, idempotent bool) *upconn {
	if len(p.resting) > 0 {
		p.resting = slices.DeleteFunc(p.resting, func(u *upconn) bool {
			over := l.now.Sub(u.since) >= u.rests
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
		l.discard(u)
	}
	return nil
}

// idle puts a connection into its pool.
func (l *Loop) idle(u *upconn) {
	p := u.pool
	if p.endpoint.Closed() || p.endpoint.Options().KeepAlive == 0 {
		l.discard(u)
		return
	}
	u.since = l.now
	l.wheel.clear(&u.timer)
	l.watch(&u.socket, readable)
	switch {
	case u.rests == 0:
		p.idle = append(p.idle, u)
	case len(p.resting) < conn.MaxResting:
		p.resting = append(p.resting, u)
	default:
		l.discard(u)
	}
}

// discard closes a connection that has no exchange.
func (l *Loop) discard(u *upconn) {
	is := func(other *upconn) bool { return other == u }
	u.pool.idle, u.pool.resting = slices.DeleteFunc(u.pool.idle, is), slices.DeleteFunc(u.pool.resting, is)
	l.hangUp(u)
}

// hangUp closes a connection that has no exchange and is in no pool.
func (l *Loop) hangUp(u *upconn) {
	if u.saved != nil {
		l.release(u.saved)
		u.saved = nil
	}
	l.shut(&u.socket)
}

// Spare closes the connections to upstreams that have been idle longest, half of them: descriptors are needed. It may be called
// from any goroutine, and does not wait.
func (l *Loop) Spare() {
	l.Post(func() {
		for _, p := range l.pool {
			n := (len(p.idle) + 1) / 2
			for _, u := range p.idle[:n] {
				l.hangUp(u)
			}
			p.idle = slices.Delete(p.idle, 0, n)
		}
	})
}

// expireIdle closes connections that have been idle for keep_alive or whose endpoint has left the
// configuration.
func (l *Loop) expireIdle() {
	for e, p := range l.pool {
		closed, keepAlive := e.Closed(), e.Options().KeepAlive
		for len(p.idle) > 0 && (closed || l.now.Sub(p.idle[0].since) >= keepAlive) {
			l.discard(p.idle[0])
		}
		for len(p.resting) > 0 && (closed || l.now.Sub(p.resting[0].since) >= keepAlive) {
			l.discard(p.resting[0])
		}
		if closed && len(p.idle)+len(p.resting) == 0 {
			delete(l.pool, e) // exchanges under way hold the pool themselves
		}
	}
}
