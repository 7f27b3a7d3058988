package edge

import (
	"context"
	"net"
	"time"
)

// This file is what of net.Conn a stream needs beside Read and Write.

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

// watch has gone called when the client resets the stream, until stop is called.
func (st *stream) watch(gone func()) (stop func()) {
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
