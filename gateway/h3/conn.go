package h3

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// This file is the life of a connection. Each has its own http3.Server, so that GOAWAY can be sent to each.

// Errors by which HTTP/3 ends a connection. See RFC 9114, section 8.1.
const (
	noError       = quic.ApplicationErrorCode(http3.ErrCodeNoError)
	frameError    = quic.ApplicationErrorCode(http3.ErrCodeFrameError)
	excessiveLoad = quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad)
)

// fieldOverhead is what each field line counts beyond its bytes in the size of a list. See RFC 9114, section 4.2.2.
const fieldOverhead = 32

// listBytes bounds a list of fields. What the parser would refuse for its size reaches the
// parser, which says so, unless it is beyond what any list that it takes can be.
func listBytes(l wire.Limits) int { return l.HeadBytes + fieldOverhead*l.Fields }

// newHTTP3 returns a server for one connection.
func (s *Server) newHTTP3(opts *edge.Options) *http3.Server {
	return &http3.Server{Handler: http.HandlerFunc(s.serveStream), MaxHeaderBytes: listBytes(opts.Limits)}
}

// A conn is a client's QUIC connection, as a carrier of package edge. Nothing is read from it or written to it as
// such: its streams are.
//
// Its address stays what it was after the handshake: a client that migrates to another (RFC 9000, section 9) still
// counts for the first.
type conn struct {
	s       *Server
	c       edge.Carried
	opts    *edge.Options // when it began
	by      *Datagrams
	settled atomic.Bool // the handshake is made, or has failed
	from    netip.Addr  // whose it was

	identity *tlsconf.Identity
	window   window

	mu         sync.Mutex
	conn       *quic.Conn // nil: until then
	server     *http3.Server
	active     int         // requests under way
	resets     int         // of its streams; see settle
	served     bool        // there was a request
	sentGoAway bool        // GOAWAY was sent
	timer      *time.Timer // runs while no request is under way
}

// serve serves the connection until it has ended, and all its handlers have.
func (q *conn) serve(conn *quic.Conn, server *http3.Server) {
	q.mu.Lock()
	q.conn, q.server = conn, server
	q.timer = time.AfterFunc(q.s.edge.Options().Idle, q.expire)
	q.rest()
	q.mu.Unlock()
	if q.c.GoingAway() {
		q.goAway()
	}
	if q.c.Listener().Revoked() {
		q.CloseIdle()
	}
	server.ServeQUICConn(conn)       // an error is the client's
	conn.CloseWithError(noError, "") // it returns none; if the connection has ended it does nothing
	q.mu.Lock()
	q.timer.Stop()
	q.mu.Unlock()
}

// begin counts a request. It reports false if there are too many: handlers of streams that were reset may not have
// noticed yet.
func (q *conn) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.active >= 2*maxStreams || q.c.Listener().Revoked() {
		return false
	}
	q.active++
	q.served = true
	q.timer.Stop()
	q.c.Busy()
	return true
}

// end takes back one begin.
func (q *conn) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.active--; q.active == 0 {
		q.rest()
	}
}

// rest notes that no request is under way. Precondition: q.mu is held.
func (q *conn) rest() {
	if q.sentGoAway {
		q.timer.Reset(q.grace())
		return
	}
	q.c.Idle(q.served)
	q.timer.Reset(q.s.edge.Options().Idle)
}

// grace is how long a connection may remain after GOAWAY. Packets for it may still be on their way.
func (q *conn) grace() time.Duration { return q.s.edge.Grace() }

// expire ends the connection if no request is under way: it tells the client to go, and when it has not, closes.
func (q *conn) expire() {
	q.mu.Lock()
	active, sentGoAway := q.active, q.sentGoAway
	q.mu.Unlock()
	switch {
	case active > 0:
	case sentGoAway:
		q.close(noError)
	default:
		q.goAway()
	}
}

// goAway tells the client that no further request is taken on the connection, once. Those under way continue.
func (q *conn) goAway() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.server == nil || q.sentGoAway {
		return // serve will, or it was told
	}
	q.sentGoAway = true
	q.c.Busy()
	if q.active == 0 {
		q.timer.Reset(q.grace())
	}
	go q.server.Shutdown(context.Background()) // until the connection ends
}

// GoAway is part of edge.Carrier.
func (q *conn) GoAway(revoked bool) {
	q.goAway()
	if revoked {
		q.CloseIdle()
	}
}

// CloseIdle is part of edge.Carrier.
func (q *conn) CloseIdle() {
	q.mu.Lock()
	active := q.active
	q.mu.Unlock()
	if active == 0 {
		q.close(noError)
	}
}

// close ends the connection at once.
func (q *conn) close(code quic.ApplicationErrorCode) { go q.closeFirst(code) }

// closeFirst is close, and returns once nothing else can be sent to the client.
func (q *conn) closeFirst(code quic.ApplicationErrorCode) {
	q.mu.Lock()
	conn := q.conn
	q.mu.Unlock()
	if conn != nil {
		conn.CloseWithError(code, "") // it returns none
	}
}

// Read is part of net.Conn.
func (q *conn) Read([]byte) (int, error) { return 0, os.ErrInvalid }

// Write is part of net.Conn.
func (q *conn) Write([]byte) (int, error) { return 0, os.ErrInvalid }

// Close is part of net.Conn.
func (q *conn) Close() error {
	q.close(noError)
	return nil
}

// SetReadDeadline is part of net.Conn.
func (q *conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is part of net.Conn.
func (q *conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is part of net.Conn.
func (q *conn) SetDeadline(time.Time) error { return nil }

// LocalAddr is part of net.Conn.
func (q *conn) LocalAddr() net.Addr { return asTCP(q.conn.LocalAddr()) }

// RemoteAddr is part of net.Conn.
func (q *conn) RemoteAddr() net.Addr { return asTCP(q.conn.RemoteAddr()) }

// asTCP returns an address as one of TCP: upstreams, to which it is forwarded, know no other.
func asTCP(a net.Addr) net.Addr { return net.TCPAddrFromAddrPort(a.(*net.UDPAddr).AddrPort()) }
