package h3

import (
	"context"
	"net"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// This file implements the rest of net.Conn and of edge.Stream for streams.

// SetReadDeadline is part of net.Conn.
func (st *stream) SetReadDeadline(t time.Time) error { return st.quic.SetReadDeadline(t) }

// SetWriteDeadline is part of net.Conn.
func (st *stream) SetWriteDeadline(t time.Time) error { return st.quic.SetWriteDeadline(t) }

// SetDeadline is part of net.Conn.
func (st *stream) SetDeadline(t time.Time) error { return st.quic.SetDeadline(t) }

// Major is part of edge.Stream.
func (st *stream) Major() int { return 3 }

// Identity is part of edge.Stream.
func (st *stream) Identity() *tlsconf.Identity { return st.on.identity }

// Break is part of edge.Stream.
func (st *stream) Break() {
	st.quic.CancelRead(internalError)
	st.quic.CancelWrite(internalError)
}

// Watch has gone called when the client resets the stream, until stop is called. It is part of edge.Stream.
func (st *stream) Watch(gone func()) (stop func()) {
	done := make(chan struct{})
	stopped := context.AfterFunc(st.quic.Context(), func() { defer close(done); gone() })
	return func() {
		if !stopped() {
			<-done
		}
	}
}

// Close is part of net.Conn. A stream ends with its handler.
func (st *stream) Close() error { return nil }

// LocalAddr is part of net.Conn.
func (st *stream) LocalAddr() net.Addr { return st.on.LocalAddr() }

// RemoteAddr is part of net.Conn.
func (st *stream) RemoteAddr() net.Addr { return st.on.RemoteAddr() }
