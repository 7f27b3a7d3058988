package conn

import (
	"crypto/tls"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Server is what the connections of a pool lead to, and how they are made and kept.
type Server struct {
	Network, Address string      // as net.Dial takes them
	TLS              *tls.Config // what ClientTLS returned; nil: it does not speak TLS
	SendProxy        bool        // each connection begins with a PROXY header
	ConnectTimeout   time.Duration
	KeepAlive        time.Duration // for which an idle connection is kept; 0: not at all
	Descriptors      int           // the first descriptor that connections may not have; 0: they may have any
	// Exhausted, if set, is called when a connection cannot be made because there are no
	// descriptors, on any goroutine, again and again while it is waited for. It may make room.
	Exhausted func()
}

// A Pool is the idle connections to one server. Server is set before it is used; then it is safe for concurrent use.
type Pool struct {
	Server Server

	mu      sync.Mutex
	idle    []*Conn     // most recently used last
	resting []*Conn     // oldest first; see Rest
	closed  atomic.Bool // written under mu
}

// Take returns an idle connection that its peer has not closed, or nil.
func (p *Pool) Take(now time.Time) *Conn {
	for {
		p.mu.Lock()
		p.rested(now)
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if now.Sub(c.since) < p.Server.KeepAlive && c.Quiet(now) {
			c.Use(true)
			return c
		}
		c.Close() // it is dead or too old
	}
}

// rested makes connections idle that have rested. Precondition: p.mu is held.
func (p *Pool) rested(now time.Time) {
	if len(p.resting) == 0 {
		return
	}
	p.resting = slices.DeleteFunc(p.resting, func(c *Conn) bool {
		over := now.Sub(c.since) >= c.rests
		if over {
			p.idle = append(p.idle, c)
		}
		return over
	})
}

// Give makes a connection idle, which then rests for a while before it is taken; see Rest.
func (p *Pool) Give(c *Conn, now time.Time, rest time.Duration) {
	c.Idle(now)
	c.rests = rest
	p.mu.Lock()
	if p.closed.Load() {
		p.mu.Unlock()
		c.Close() // it will not be used
		return
	}
	switch {
	case c.rests == 0:
		p.idle = append(p.idle, c)
	case len(p.resting) < MaxResting:
		p.resting = append(p.resting, c)
	default:
		c.Close() // there are enough
	}
	p.mu.Unlock()
}

// Expire closes connections that have been idle for keep_alive.
func (p *Pool) Expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := 0
	for old < len(p.idle) && now.Sub(p.idle[old].since) >= p.Server.KeepAlive {
		p.idle[old].Close() // it was idle
		old++
	}
	p.idle = append(p.idle[:0], p.idle[old:]...)
	old = 0
	for old < len(p.resting) && now.Sub(p.resting[old].since) >= p.Server.KeepAlive {
		p.resting[old].Close() // it was idle
		old++
	}
	p.resting = append(p.resting[:0], p.resting[old:]...)
}

// Close closes idle connections, now and when others become idle.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed.Store(true)
	for _, c := range append(p.idle, p.resting...) {
		c.Close() // it was idle
	}
	p.idle, p.resting = nil, nil
}

// Spare closes the connections that have been idle longest, half of them: descriptors are needed.
func (p *Pool) Spare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := (len(p.idle) + 1) / 2
	for _, c := range p.idle[:n] {
		c.Close() // it was idle
	}
	p.idle = append(p.idle[:0], p.idle[n:]...)
}

// Closed reports whether Close was called: idle connections are of no more use.
func (p *Pool) Closed() bool { return p.closed.Load() }

// Idle returns how many connections are idle.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + len(p.resting)
}
