package edge

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file reads heads: it waits for a request, and makes ready what comes before the first.

// next makes the connection ready for its next request: it drains the rest of the last one,
// waits, reads a head and parses it. It returns false if there is no next request.
func (c *Conn) next() bool {
	if c.started && (c.over() || !c.drain()) {
		return false
	}
	c.opts = c.server.opts.Load()
	c.compact()
	if !c.opened && !c.open() {
		return false
	}
	timeout := c.opts.Idle
	if !c.started {
		timeout = c.opts.Header
	}
	if c.w == 0 && !c.between(timeout) {
		return false
	}
	headBy := time.Time{}
	for {
		n, fault := c.Request.Parse(c.in[:c.w], c.opts.Limits)
		if fault != nil {
			if c.on.H2C && !c.started && PriorKnowledge(c.in[:c.w]) {
				read := c.in[:c.w]
				c.tunnel = func() { c.serveHTTP2(read) }
			} else {
				c.Refuse(fault)
			}
			return false
		}
		if n > 0 {
			c.spoke()
			if c.on.Revoked() && !c.plain { // while its head came; a stream of another connection is under way
				return false
			}
			c.accept(n)
			return true
		}
		if headBy.IsZero() {
			headBy = time.Now().Add(c.opts.Header)
			c.setReadDeadline(headBy)
			c.held.Store(int64(len(c.in)))
			c.silent(Partial)
		}
		if err := c.fillLine(); err != nil {
			c.spoke()
			c.headFailed(err)
			return false
		}
	}
}

// open makes the connection ready for its first request: it reads the header of the PROXY protocol and
// makes the handshake of TLS. It reports false if the connection is over, or served elsewhere.
func (c *Conn) open() bool {
	c.opened = true
	by := time.Now().Add(c.opts.Header)
	if c.on.ProxyProtocol {
		read, ok := c.proxied(by)
		switch {
		case !ok:
			return false
		case c.on.TLS:
			c.under.read = read
		default:
			c.needBuffer()
			c.w = copy(c.in, read)
		}
	}
	if !c.on.TLS {
		return true
	}
	if !c.shakeHands(by) {
		return false
	}
	switch protocolOf(c.Conn) {
	case "h2":
		if !c.returnToLoop() {
			c.tunnel = func() { c.serveHTTP2(nil) } // fasthttp's goroutine, with its large stack, is free for others
		}
		return false
	case tlsconf.ChallengeProtocol:
		return false // it has seen what it came for
	}
	c.under.wait(c.opts.BodyIdle)
	return true
}

// accept begins the request whose head takes n bytes.
func (c *Conn) accept(n int) {
	r := &c.Request
	c.started = true
	if c.displaced.Load() || c.relieved.Load() {
		c.displaced.Store(false) // the request came first
		c.relieved.Store(false)
		c.readBy = time.Time{} // the deadline differs from the one that was set
	}
	c.head, c.r = n, n
	c.remaining = r.Length
	c.ended = !r.HasContent()
	c.waiting = r.Continue && c.r == c.w
	c.limit = 1<<63 - 1
	c.came, c.waited = 0, 0
	c.closing, c.keepBlocking, c.spared = r.Close, false, false
}

// headFailed ends a connection on which a head did not come to its end.
func (c *Conn) headFailed(err error) {
	switch {
	case c.relieved.Load():
		c.Refuse(FaultMemory)
	case c.displaced.Load():
		c.Abort()
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.Refuse(FaultTimeout)
	case errors.Is(err, io.EOF) && c.w > 2:
		c.Refuse(wire.FaultTruncated)
	}
}

// compact moves the bytes of the next request that were read to the front of the buffer.
func (c *Conn) compact() {
	c.w = copy(c.in, c.in[c.r:c.w])
	c.r, c.head = 0, 0
	c.chunked = wire.Chunked{}
}

// needBuffer makes a buffer if there is none. A connection has none before something other than a handshake is read from it: most
// of TLS go to an event loop then, and never need one.
func (c *Conn) needBuffer() {
	if c.in == nil {
		c.in = make([]byte, firstBuffer)
	}
}

// await waits for the first byte of a request. It reports whether one came, and, if not, whether the
// time has passed; else the connection is over: it is to end, and the shorter time for that has
// passed, or the client has gone.
func (c *Conn) await(timeout time.Duration) (came, late bool) {
	if c.on.Revoked() {
		return false, false
	}
	c.armRead(timeout)
	if c.started {
		c.silent(Between)
	} else {
		c.silent(Fresh)
	}
	c.idle.Store(true)
	if c.goingAway() && c.idle.CompareAndSwap(true, false) {
		c.setReadDeadline(time.Now().Add(min(timeout, time.Duration(c.server.grace.Load()))))
	}
	c.needBuffer()
	n, err := c.receive(c.in)
	c.spoke()
	if c.on.Revoked() {
		return false, false
	}
	if c.idle.CompareAndSwap(true, false) {
		late = errors.Is(err, os.ErrDeadlineExceeded)
	} else {
		// The deadline may be the grace's, or be about to become it. The grace's is set under the lock: once
		// it is, it is not set again, and cannot hit the request any more.
		c.server.mu.Lock()
		c.readBy = time.Time{}
		c.server.mu.Unlock()
	}
	c.w = n
	return n > 0, late
}

// fillLine reads until the buffer holds one more line end, or as many bytes as a head may have: before
// that, parsing again would find nothing new.
func (c *Conn) fillLine() error {
	for {
		if c.w == len(c.in) {
			in := make([]byte, min(2*len(c.in), c.opts.Limits.HeadBytes))
			c.w = copy(in, c.in[:c.w])
			c.in = in
			c.held.Store(int64(len(in)))
		}
		n, err := c.receive(c.in[c.w:])
		came := c.in[c.w : c.w+n]
		c.w += n
		for _, b := range came {
			// A line end, or a control character that makes the head malformed: either way
			// Parse has something to say.
			if b < ' ' && b != '\t' {
				return nil
			}
		}
		if err != nil {
			return err
		}
		if c.w >= c.opts.Limits.HeadBytes {
			return nil
		}
	}
}
