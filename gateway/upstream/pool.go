package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// An Endpoint is one server of an upstream, with its idle connections.
type Endpoint struct {
	Address Address

	upstream *Upstream
	load     balance.Member // with its exchanges now, of both engines
	opts     *Options
	tls      *tls.Config  // nil: it does not speak TLS
	streams  atomic.Int64 // tunnels and event streams now, which are not inFlight
	waiting  atomic.Int64 // exchanges in the queue
	entered  atomic.Int64 // exchanges so far
	failures atomic.Int64 // exchanges that have failed in a row
	dead     atomic.Int64 // the same, without a response to any
	queue    queue
	holders  holders

	condition
	cancelChecks context.CancelFunc // nil: there are none; guarded like condition

	mu      sync.Mutex
	idle    []*conn     // most recently used last
	resting []*conn     // oldest first; see Rest
	closed  atomic.Bool // written under mu
}

func newEndpoint(a Address, u *Upstream) *Endpoint {
	e := &Endpoint{Address: a, upstream: u, opts: &u.opts, tls: clientTLS(u.opts.TLS, a.ServerName)}
	e.load.Init(a.id())
	return e
}

// take returns an idle connection that its peer has not closed, or nil.
func (e *Endpoint) take(now time.Time) *conn {
	for {
		e.mu.Lock()
		e.rested(now)
		n := len(e.idle)
		if n == 0 {
			e.mu.Unlock()
			return nil
		}
		c := e.idle[n-1]
		e.idle[n-1] = nil
		e.idle = e.idle[:n-1]
		e.mu.Unlock()
		if now.Sub(c.since) < e.opts.KeepAlive && c.quiet(now) {
			c.reused, c.idle = true, false
			return c
		}
		c.Close() // it is dead or too old
	}
}

// rested makes connections idle that have rested. Precondition: e.mu is held.
func (e *Endpoint) rested(now time.Time) {
	if len(e.resting) == 0 {
		return
	}
	e.resting = slices.DeleteFunc(e.resting, func(c *conn) bool {
		over := now.Sub(c.since) >= c.rests
		if over {
			e.idle = append(e.idle, c)
		}
		return over
	})
}

// give makes a connection idle.
func (e *Endpoint) give(c *conn, now time.Time) {
	c.since, c.idle = now, true
	e.mu.Lock()
	if e.closed.Load() {
		e.mu.Unlock()
		c.Close() // nobody will use it
		return
	}
	switch {
	case c.rests == 0:
		e.idle = append(e.idle, c)
	case len(e.resting) < MaxResting:
		e.resting = append(e.resting, c)
	default:
		c.Close() // there are enough
	}
	e.mu.Unlock()
}

// Options returns the options of the endpoint's upstream, which must not be changed.
func (e *Endpoint) Options() *Options { return e.opts }

// Closed reports whether the endpoint has left its upstream, or that has been stopped: idle
// connections to it are of no more use.
func (e *Endpoint) Closed() bool { return e.closed.Load() }

// Dial makes a new connection, within connect_timeout and before deadline, if that is not zero. It
// does not speak TLS and sends no PROXY header.
func (e *Endpoint) Dial(deadline time.Time) (net.Conn, error) {
	return e.dial(context.Background(), e.connectBy(deadline))
}

// expire closes connections that have been idle for keep_alive.
func (e *Endpoint) expire(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := 0
	for old < len(e.idle) && now.Sub(e.idle[old].since) >= e.opts.KeepAlive {
		e.idle[old].Close() // it was idle
		old++
	}
	e.idle = append(e.idle[:0], e.idle[old:]...)
	old = 0
	for old < len(e.resting) && now.Sub(e.resting[old].since) >= e.opts.KeepAlive {
		e.resting[old].Close() // it was idle
		old++
	}
	e.resting = append(e.resting[:0], e.resting[old:]...)
}

// close closes what is idle now and what will become idle.
func (e *Endpoint) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed.Store(true)
	for _, c := range append(e.idle, e.resting...) {
		c.Close() // it was idle
	}
	e.idle, e.resting = nil, nil
}
