package edge

import (
	"net/http"
	"net/netip"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file serves the streams of multiplexed connections: those of HTTP/2, see multiplex.go, and of HTTP/3, see http3.go. Each
// request of such a connection becomes a Conn of its own.

// maxResets is how many streams of HTTP/3 a client may have reset, beyond those that it let end.
const maxResets = 1000

// connKey is the key of the *Conn in the context of its requests.
type connKey struct{}

// goAway tells the clients of multiplexed connections that the server drains. It may be called
// again and again: a connection may have begun meanwhile.
func (s *Server) goAway() { s.farewell(func(*Conn) bool { return true }) }

// farewell tells the clients of multiplexed connections to go.
func (s *Server) farewell(which func(*Conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		switch {
		case !which(c):
		case c.quic != nil:
			c.quic.goAway()
			if c.on.Revoked() {
				c.quic.leaveNow()
			}
		case c.h2 != nil:
			go c.h2.leave()
		}
	}
}

// FaultResets is that of a client which resets most of the streams that it opens.
var FaultResets = &wire.Fault{Status: 400, Class: "resets", Reason: "too many streams were reset"}

// ServeHTTP serves one stream of HTTP/3.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	on := r.Context().Value(connKey{}).(*Conn)
	if !on.quic.begin() {
		on.settle(true)
		panic(http.ErrAbortHandler)
	}
	defer on.quic.end()
	open := &on.on.streams.byMajor[3]
	open.Add(1)
	defer open.Add(-1)
	st, ok := s.idleStreams.Get().(*stream)
	if !ok {
		st = &stream{}
	}
	st.on = on
	st.begin(w, r)
	c := s.connOf(on.peer, on.on)
	c.Conn = st
	if c.next() {
		s.handle(c)
	}
	complete := st.done
	reset := r.Context().Err() != nil
	s.release(c)
	st.end()
	s.idleStreams.Put(st)
	on.settle(reset)
	if !complete {
		panic(http.ErrAbortHandler) // which resets the stream
	}
}

// settle counts an ended stream. A client that resets most of what it asks for only wants to keep us busy.
func (c *Conn) settle(reset bool) {
	if !reset {
		if c.resets.Load() > 0 {
			c.resets.Add(-1)
		}
		return
	}
	if c.resets.Add(1) == maxResets {
		c.server.onFault(FaultResets, c.peer)
		c.quic.close(excessiveLoad)
	}
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

// release forgets the last request of a Conn for streams.
func (s *Server) release(c *Conn) {
	state, in := c.State, c.in
	if cap(in) > firstBuffer {
		in = nil
	}
	*c = Conn{server: s, opened: true, plain: true, State: state, in: in, Request: c.Request}
	s.idleConns.Put(c)
}

// Major returns the major version of HTTP by which the current request came.
func (c *Conn) Major() int {
	switch c.Conn.(type) {
	case *stream:
		return 3
	case *Pipe:
		return 2
	}
	return 1
}

// watchStream is Watch for a stream. It reports false if the connection is none.
func (c *Conn) watchStream(gone func()) (stop func(), ok bool) {
	switch st := c.Conn.(type) {
	case *stream:
		return st.watch(gone), true
	case *Pipe:
		return st.watch(gone), true
	}
	return nil, false
}
