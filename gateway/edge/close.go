package edge

import (
	"bytes"
	"crypto/tls"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This file ends connections: when, how the client is told, and how the last response reaches it.

// CloseAfter makes this the last request of the connection.
func (c *Conn) CloseAfter() { c.closing = true }

// WillClose reports whether the connection ends after the current response, which then must say so:
// the client or the server wants it, or the content that a handler has left unread cannot be
// drained within bounds. A handler that reads the content asks when it has.
func (c *Conn) WillClose() bool {
	if c.goingAway() || c.server.UnderPressure() {
		c.closing = true // which the handler now announces; one that has not asked is not surprised
	}
	return c.over()
}

// leaving reports whether the connection is to end because its server drains or its listener was retired.
func (c *Conn) goingAway() bool { return c.server.draining.Load() || c.on.retired.Load() }

func (c *Conn) over() bool {
	return c.closing || c.broken || c.interrupted.Load() ||
		!c.ended && (c.waiting || c.Request.Chunked || c.remaining > maxDrain)
}

// HalfClosedWait is how long a client that has ended its side of the connection is made to wait for its
// response, or for more of it, before it is taken to have gone. TCP cannot tell a client that has closed
// its connection from one that will only not send any more. The latter are rare, and other gateways
// give them up at once (nginx, Envoy, HAProxy with abortonclose), where here a response that is quick
// still reaches them; the former are all users who press Stop, and each would keep an upstream
// busy for nothing.
//
// It is rounded up: by the grain of the event loop's clock, and of the glances of package upstream.
// Together that is less than 100 ms.
const HalfClosedWait = 20 * time.Millisecond

// Tunnel has f run when the handler has returned, with the connection as such and what has been read
// of it beyond the request. It is f's to read from and write to, and is closed when f returns. f runs
// on a separate goroutine: fasthttp's state for a connection, above all a deep stack, is not kept
// for a tunnel. Nor is the buffer: Request is still valid, but aliases another.
func (c *Conn) Tunnel(f func(nc net.Conn, read []byte)) {
	c.closing, c.ended = true, true
	read := bytes.Clone(c.in[c.r:c.w])
	c.Request.Parse(bytes.Clone(c.in[:c.head]), c.opts.Limits) // it has done so before
	c.in, c.head, c.r, c.w = nil, 0, 0, 0
	c.under.wait(0)
	c.tunnel = func() { f(c.Conn, read) }
}

// Abort ends the connection at once and so that the client can tell: with a reset.
func (c *Conn) Abort() {
	c.closing, c.aborted = true, true
}

// Break makes a Send that is under way, and all later ones, fail, and ends the connection, or a
// stream alone, so that the client can tell: by a reset. It may be called from another
// goroutine than the one that sends.
func (c *Conn) Break() {
	if c.stream != nil {
		c.stream.Break()
		return
	}
	if tcp, ok := c.socket.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0) // a plain end is better than none
	}
	c.socket.Close() // it is not to be used again
}

// Interrupt makes a read of content that is under way, and all later ones, fail. It may be
// called from another goroutine than the one that reads. The connection ends.
func (c *Conn) Interrupt() {
	// In this order, while readSocket moves the deadline and then looks at the flag: whichever
	// comes second sees the other.
	c.interrupted.Store(true)
	c.wake()
}

// wake makes a read that is under way fail.
func (c *Conn) wake() {
	c.Conn.SetReadDeadline(time.Unix(1, 0)) // as in setReadDeadline
}

// Close closes the connection. If it was the gateway's wish, it first lets the client finish,
// within bounds: a close with unread input, which the kernel may hold, would send a reset, and
// the reset would overtake the answer.
func (c *Conn) Close() error {
	switch {
	case c.tunnel == nil:
		return c.close()
	case !c.tunnels:
		c.tunnels = true
		go func() {
			c.tunnel()
			c.close() // as everywhere
		}()
	}
	return nil
}

func (c *Conn) close() error {
	if !c.shut.CompareAndSwap(false, true) {
		return nil
	}
	if c.onEnd != nil {
		c.onEnd()
	}
	defer c.server.forget(c) // it counts, and the drain waits for it, until it is gone
	if c.moved {
		return nil
	}
	c.under.wait(0) // crypto/tls bounds its farewell
	if c.aborted {
		resetOnClose(c.socket)
		return c.Conn.Close()
	}
	if c.refused || !c.ended || c.closing && c.started {
		c.linger()
	}
	return c.Conn.Close()
}

// resetOnClose has the close of a socket reset the connection. What a client that does not read
// was sent would stay in the kernel otherwise, counted by nothing.
func resetOnClose(socket net.Conn) {
	if t, ok := socket.(interface{ SetLinger(int) error }); ok {
		t.SetLinger(0) // best effort: the close follows anyway
	}
}

// unsent reports whether the kernel holds something that the client has not taken.
func unsent(socket net.Conn) bool {
	c, ok := socket.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	left := 0
	raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }) // then there is nothing
	return err == nil && left > 0
}

// linger ends the sending side and reads until the client ends its own, or the bounds are met.
func (c *Conn) linger() {
	if secure, ok := c.Conn.(*tls.Conn); ok && !c.plain {
		secure.CloseWrite() // the socket's follows
	}
	t, ok := c.socket.(interface{ CloseWrite() error })
	if !ok || t.CloseWrite() != nil {
		return
	}
	c.needBuffer()
	// What comes in is of no interest, so TLS need not look at it.
	c.socket.SetReadDeadline(time.Now().Add(LingerTime)) // a dead socket shows at the read
	for left := MaxLinger; left > 0; {
		n, err := c.socket.Read(c.in)
		if err != nil {
			return
		}
		left -= n
	}
}
