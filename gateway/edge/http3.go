package edge

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// This file speaks HTTP/3 with clients, by quic-go, whose server hands requests to ServeHTTP as that of HTTP/2
// does; see streams.go. Each connection has a server of its own, so that each can be told to go (GOAWAY).

// Errors by which HTTP/3 ends a connection. See RFC 9114, section 8.1.
const (
	noError       = quic.ApplicationErrorCode(http3.ErrCodeNoError)
	frameError    = quic.ApplicationErrorCode(http3.ErrCodeFrameError)
	excessiveLoad = quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad)
)

// fieldOverhead is what each field line counts beyond its octets in the size of a list. See RFC 9114, section 4.2.2.
const fieldOverhead = 32

// listBytes bounds a list of fields. What the parser would refuse for its size reaches the parser, which says so, unless it
// is beyond what any list that it takes can be.
func listBytes(l wire.Limits) int { return l.HeadBytes + fieldOverhead*l.Fields }

// newHTTP3 returns a server for one connection.
func (s *Server) newHTTP3(opts *Options) *http3.Server {
	return &http3.Server{Handler: s, MaxHeaderBytes: listBytes(opts.Limits)}
}

// A quicConn is a client's QUIC connection as the socket of a Conn. Nothing is read from it or written to it as
// such: its streams are. Its read deadline is when it ends, unless a request is under way then.
//
// Its address stays what it was after the handshake: a client that moves to another (RFC 9000, section 9) counts
// as who it was.
type quicConn struct {
	c       *Conn
	by      *Datagrams
	settled atomic.Bool // the handshake is made, or has failed
	from    netip.Addr  // whose it was

	identity *tlsconf.Identity

	mu     sync.Mutex
	conn   *quic.Conn // nil: until then
	server *http3.Server
	active int         // requests under way
	served bool        // there was a request
	leaves bool        // GOAWAY was sent
	timer  *time.Timer // runs while no request is under way
}

// serve serves the connection until it has ended, and all its handlers have.
func (q *quicConn) serve(conn *quic.Conn, server *http3.Server) {
	q.mu.Lock()
	q.conn, q.server = conn, server
	q.timer = time.AfterFunc(q.c.server.opts.Load().Idle, q.expire)
	q.rest()
	q.mu.Unlock()
	if q.c.leaving() {
		q.goAway()
	}
	if q.c.on.Revoked() {
		q.leaveNow()
	}
	server.ServeQUICConn(conn)       // what went wrong, the client did
	conn.CloseWithError(noError, "") // it returns none; if the connection has ended it does nothing
	q.mu.Lock()
	q.timer.Stop()
	q.mu.Unlock()
}

// begin counts a request. It reports false if there are too many: handlers of streams that were reset may not have
// noticed yet.
func (q *quicConn) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.active >= 2*maxStreams || q.c.on.Revoked() {
		return false
	}
	q.active++
	q.served = true
	q.timer.Stop()
	q.c.spoke()
	q.c.idle.Store(false)
	return true
}

// end takes back one begin.
func (q *quicConn) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.active--; q.active == 0 {
		q.rest()
	}
}

// rest notes that no request is under way. Precondition: q.mu is held.
func (q *quicConn) rest() {
	if q.leaves {
		q.timer.Reset(q.grace())
		return
	}
	if q.served {
		q.c.silent(Between)
	} else {
		q.c.silent(Fresh)
	}
	q.c.idle.Store(true)
	q.timer.Reset(q.c.server.opts.Load().Idle)
}

// grace is how long a client that was told to go has to do so. What was sent to it may be on its way still.
func (q *quicConn) grace() time.Duration { return time.Duration(q.c.server.grace.Load()) }

// expire ends the connection if no request is under way: it tells the client to go, and when it has not, closes.
func (q *quicConn) expire() {
	q.mu.Lock()
	active, leaves := q.active, q.leaves
	q.mu.Unlock()
	switch {
	case active > 0:
	case leaves:
		q.close(noError)
	default:
		q.goAway()
	}
}

// goAway tells the client that no further request is taken on the connection, once. Those under way go on.
func (q *quicConn) goAway() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.server == nil || q.leaves {
		return // serve will, or it was told
	}
	q.leaves = true
	q.c.spoke()
	q.c.idle.Store(false)
	if q.active == 0 {
		q.timer.Reset(q.grace())
	}
	go q.server.Shutdown(context.Background()) // until the connection ends
}

// leaveNow ends the connection, unless a request is under way.
func (q *quicConn) leaveNow() {
	q.mu.Lock()
	active := q.active
	q.mu.Unlock()
	if active == 0 {
		q.close(noError)
	}
}

// close ends the connection at once.
func (q *quicConn) close(code quic.ApplicationErrorCode) { go q.closeFirst(code) }

// closeFirst is close, and returns when the client is told nothing else any more.
func (q *quicConn) closeFirst(code quic.ApplicationErrorCode) {
	q.mu.Lock()
	conn := q.conn
	q.mu.Unlock()
	if conn != nil {
		conn.CloseWithError(code, "") // it returns none
	}
}

// Read is part of net.Conn.
func (q *quicConn) Read([]byte) (int, error) { return 0, os.ErrInvalid }

// Write is part of net.Conn.
func (q *quicConn) Write([]byte) (int, error) { return 0, os.ErrInvalid }

// Close is part of net.Conn.
func (q *quicConn) Close() error {
	q.close(noError)
	return nil
}

// SetReadDeadline is part of net.Conn.
func (q *quicConn) SetReadDeadline(t time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.timer != nil && q.active == 0 {
		q.timer.Reset(time.Until(t))
	}
	return nil
}

// SetWriteDeadline is part of net.Conn.
func (q *quicConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is part of net.Conn.
func (q *quicConn) SetDeadline(t time.Time) error { return q.SetReadDeadline(t) }

// LocalAddr is part of net.Conn.
func (q *quicConn) LocalAddr() net.Addr { return asTCP(q.conn.LocalAddr()) }

// RemoteAddr is part of net.Conn.
func (q *quicConn) RemoteAddr() net.Addr { return asTCP(q.conn.RemoteAddr()) }

// asTCP returns an address as one of TCP: upstreams that are told of it know no other.
func asTCP(a net.Addr) net.Addr { return net.TCPAddrFromAddrPort(a.(*net.UDPAddr).AddrPort()) }
