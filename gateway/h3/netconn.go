package h3

import (
	"context"
	"net"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// This file implements the rest of net.Conn and of edge.Stream for streams.

// SetReadDeadline is part of net.Conn. A time that has long passed makes a read under way fail.
func (st *stream) SetReadDeadline(t time.Time) error {
	if t.Unix() > 1 {
		st.readBy = t
		return nil
	}
	return st.rc.SetReadDeadline(t)
}

// SetWriteDeadline is part of net.Conn.
func (st *stream) SetWriteDeadline(t time.Time) error {
	st.writeBy = t
	return nil
}

// SetDeadline is part of net.Conn.
func (st *stream) SetDeadline(t time.Time) error {
	st.SetWriteDeadline(t) // it cannot fail
	return st.SetReadDeadline(t)
}

// Major is part of edge.Stream.
func (st *stream) Major() int { return 3 }

// Identity is part of edge.Stream.
func (st *stream) Identity() *tlsconf.Identity { return st.on.identity }

// Break is part of edge.Stream.
func (st *stream) Break() { st.rc.SetWriteDeadline(time.Unix(1, 0)) } // which resets the stream

// Watch has gone called when the client resets the stream, until stop is called. It is part of edge.Stream.
func (st *stream) Watch(gone func()) (stop func()) {
	done := make(chan struct{})
	stopped := context.AfterFunc(st.r.Context(), func() { defer close(done); gone() })
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
