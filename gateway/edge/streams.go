package edge

import (
	"context"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file speaks HTTP/2 with clients, by the server of net/http, to which a connection is handed
// when ALPN has chosen it. Each request of such a connection becomes a Conn of its own; see stream.
// HTTP/3 comes by the same door; see http3.go.

// Bounds of an HTTP/2 connection. net/http runs no more handlers at once than there may be streams,
// counting those whose stream was reset, queues four times as many, and then gives up the
// connection; so what all connections together can cost is bounded by their number.
const (
	maxStreams  = 100
	pingAfter   = 30 * time.Second // without a frame from the client
	pingTimeout = 15 * time.Second
	maxResets   = 1000 // streams that the client may have reset, beyond those it let end
)

// newStreams returns a server for HTTP/2 connections that begin under these options.
func (s *Server) newStreams(opts *Options) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler:        s,
		Protocols:      &protocols,
		MaxHeaderBytes: listBytes(opts.Limits),
		IdleTimeout:    opts.Idle,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			MaxReadFrameSize:     16 << 10,
			// Of what a connection sends this much may wait for handlers, whatever its streams.
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               pingAfter,
			PingTimeout:                   pingTimeout,
			WriteByteTimeout:              opts.BodyIdle,
			CountError:                    s.countStream,
		},
		BaseContext: func(l net.Listener) context.Context {
			return context.WithValue(context.Background(), connKey{}, l.(*handover).c)
		},
		ErrorLog: log.New(complaints{s}, "", 0),
	}
}

// connKey is the key of the *Conn in the context of its requests.
type connKey struct{}

// multiplex hands a connection to net/http, which closes it. Options that net/http is told once may
// have changed: then another server takes new connections, and the old one goes on with those it has.
func (c *Conn) multiplex() {
	s, opts := c.server, c.opts
	s.mu.Lock()
	if old := s.streamsOpts; s.streams == nil || old.Limits != opts.Limits || old.Idle != opts.Idle || old.BodyIdle != opts.BodyIdle {
		s.streams, s.streamsOpts = s.newStreams(opts), opts
	}
	c.streams, c.h2 = s.streams, &h2Conn{c: c}
	s.mu.Unlock()
	c.h2.rest()
	c.under.c.Store(c) // from here on it ends when net/http closes it
	if err := c.streams.Serve(&handover{c: c}); err == http.ErrServerClosed {
		c.Conn.Close() //nolint:errcheck // the server drains, and has not taken it
	}
}

// A handover is a listener that has accepted one connection.
type handover struct {
	c     *Conn
	given bool
}

// Accept returns the connection, once.
func (h *handover) Accept() (net.Conn, error) {
	if h.given {
		return nil, net.ErrClosed
	}
	h.given = true
	return h.c.Conn, nil
}

// Close is part of net.Listener.
func (h *handover) Close() error { return nil }

// Addr is part of net.Listener.
func (h *handover) Addr() net.Addr { return h.c.LocalAddr() }

// goAway tells the clients of multiplexed connections that the server drains. It may be called
// again and again: a connection may have begun meanwhile.
func (s *Server) goAway() {
	over, cancel := context.WithCancel(context.Background())
	cancel() // that they have gone is seen elsewhere
	s.mu.Lock()
	servers := map[*http.Server]bool{}
	for c := range s.conns {
		if c.streams != nil {
			servers[c.streams] = true
		}
		if c.quic != nil {
			c.quic.goAway()
		}
	}
	s.mu.Unlock()
	for server := range servers {
		server.Shutdown(over) //nolint:errcheck // it is not waited for
	}
}

// farewell tells the clients of QUIC connections to go, and those of HTTP/2 that have no request under way; the others are
// told with their next response.
func (s *Server) farewell(which func(*Conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		switch {
		case !which(c):
		case c.quic != nil:
			c.quic.goAway()
		case c.h2 != nil:
			go c.h2.goAway()
		}
	}
}

// FaultResets is that of a client which resets most of the streams that it opens.
var FaultResets = &wire.Fault{Status: 400, Class: "resets", Reason: "too many streams were reset"}

// ServeHTTP serves one stream.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	on := r.Context().Value(connKey{}).(*Conn)
	if on.quic != nil {
		if !on.quic.begin() {
			on.settle(true)
			panic(http.ErrAbortHandler)
		}
		defer on.quic.end()
	} else {
		on.h2.begin()
		defer on.h2.end()
	}
	c := s.streamOf(on)
	st := c.Conn.(*stream)
	st.begin(w, r)
	if c.next() {
		s.handle(c)
	}
	complete := st.done
	reset := r.Context().Err() != nil
	s.release(c)
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
		if c.quic != nil {
			c.quic.close(excessiveLoad)
			return
		}
		c.socket.Close() //nolint:errcheck // nobody waits for anything
	}
}

// streamOf returns a Conn for a stream of a multiplexed connection. They are used again: with them
// come the buffers of the handler's state.
func (s *Server) streamOf(on *Conn) *Conn {
	c, ok := s.idleStreams.Get().(*Conn)
	if !ok {
		c = &Conn{Conn: &stream{}, server: s, opened: true, plain: true}
	}
	c.peer, c.on, c.opts = on.peer, on.on, on.opts
	c.Conn.(*stream).on = on
	return c
}

// release forgets the last request of a Conn for streams.
func (s *Server) release(c *Conn) {
	state, in, st := c.State, c.in, c.Conn.(*stream)
	if cap(in) > firstBuffer {
		in = nil
	}
	st.end()
	*c = Conn{Conn: st, server: s, opened: true, plain: true, State: state, in: in, Request: c.Request}
	s.idleStreams.Put(c)
}

// Major returns the major version of HTTP by which the current request came.
func (c *Conn) Major() int {
	if st, ok := c.Conn.(*stream); ok {
		return st.r.ProtoMajor
	}
	return 1
}
