package edge

import (
	"net"
	"net/netip"

	"github.com/corsgate/corsgate/gateway/pipe"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file serves the streams of multiplexed connections. Each request of such a connection gets its own Conn.

// A Stream is one request of HTTP/2 or HTTP/3 as a connection of HTTP/1.1: what is read from it
// is the request, and what is written to it is the response. Identity, Watch and Break are
// those of its Conn.
type Stream interface {
	net.Conn
	// Major returns the major version of HTTP.
	Major() int
	Identity() *tlsconf.Identity
	Watch(gone func()) (stop func())
	Break()
}

// FaultResets is for a client that resets most of the streams that it opens.
var FaultResets = &wire.Fault{Status: 400, Class: "resets", Reason: "too many streams were reset"}

// FaultHTTP3 is for a client whose HTTP/3 frames are malformed or out of order.
var FaultHTTP3 = &wire.Fault{Status: 400, Class: "http3", Reason: "the connection does not speak HTTP/3"}

// ServePipe has the handler serve the request of a pipe, as [Server.ServeStream] does.
func (s *Server) ServePipe(p *pipe.Pipe, flaw *wire.Fault, peer netip.Addr, on *Listener) {
	defer p.Leave()
	s.pipes.add(p)
	defer s.pipes.remove(p)
	s.ServeStream(p, flaw, peer, on)
}

// ServeStream has the handler serve the request of a stream, from a client of a listener; flaw
// is the fault of a request that is served all the same, or nil. It returns when the handler is
// done.
func (s *Server) ServeStream(st Stream, flaw *wire.Fault, peer netip.Addr, on *Listener) {
	c := s.connOf(peer, on)
	c.Conn, c.stream = st, st
	if c.next() {
		if flaw != nil {
			c.Request.Flaw = flaw
		}
		s.handle(c)
	}
	if c.tunnel != nil {
		c.tunnel()
	}
	s.recycle(c)
}

// connOf returns a Conn for a stream of a multiplexed connection. They are used again: with them
// come the buffers of the handler's state.
func (s *Server) connOf(peer netip.Addr, on *Listener) *Conn {
	c, ok := s.idleConns.Get().(*Conn)
	if !ok {
		c = &Conn{server: s, opened: true, plain: true}
	}
	c.peer, c.on, c.opts = peer, on, s.opts.Load()
	return c
}

// recycle forgets the last request of a Conn for streams.
func (s *Server) recycle(c *Conn) {
	state, in := c.State, c.in
	if cap(in) > firstBuffer {
		in = nil
	}
	*c = Conn{server: s, opened: true, plain: true, State: state, in: in, Request: c.Request}
	s.idleConns.Put(c)
}

// Major returns the major version of HTTP by which the current request came.
func (c *Conn) Major() int {
	if c.stream != nil {
		return c.stream.Major()
	}
	return 1
}
