package h3

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/quic-go/quic-go"
)

// This file is the life of a connection.

// A conn is a client's QUIC connection, as a carrier of package edge. Nothing is read from it or written to it as
// such: its streams are.
//
// Its address stays what it was after the handshake: a client that migrates to another (RFC 9000, section 9) still
// counts for the first.
type conn struct {
	s       *Server
	c       edge.Carried
	by      *Datagrams
	settled atomic.Bool // the handshake is made, or has failed
	flooded atomic.Bool // see floods
	from    netip.Addr  // whose it was

	identity *tlsconf.Identity
	window   window
	options  *h2.Options    // of heads
	aware    atomic.Bool    // the client knows priorities
	has      [4]atomic.Bool // the unidirectional streams that the client has opened, by type

	mu         sync.Mutex
	conn       *quic.Conn // nil: until then
	control    *quic.SendStream
	streams    map[quic.StreamID]*quic.Stream // of requests under way
	next       quic.StreamID                  // the stream after the last one
	active     int                            // requests under way
	resets     int                            // of its streams; see settle
	requests   int                            // that have begun
	frames     int                            // on the control stream; see spend
	served     bool                           // there was a request
	sentGoAway bool                           // GOAWAY was sent
	timer      *time.Timer                    // runs while no request is under way
}

// serve serves the connection until it has ended, and all its handlers have.
func (q *conn) serve(conn *quic.Conn) {
	q.options = q.s.edge.HTTP2(q.c.Listener())
	defer conn.CloseWithError(noError, "") // it returns none; if the connection has ended it does nothing
	control, err := q.openControl(conn)
	if err != nil {
		return
	}
	q.mu.Lock()
	q.conn, q.control, q.streams = conn, control, make(map[quic.StreamID]*quic.Stream)
	q.timer = time.AfterFunc(q.s.edge.Options().Idle, q.expire)
	q.rest()
	q.mu.Unlock()
	if q.c.GoingAway() {
		q.goAway()
	}
	if q.c.Listener().Revoked() {
		q.CloseIdle()
	}
	var serving sync.WaitGroup
	serving.Go(func() { q.acceptUni(conn, &serving) })
	for {
		str, err := conn.AcceptStream(context.Background())
		if err != nil {
			break // the connection has ended
		}
		if !q.admit(str) {
			str.CancelRead(requestRejected)
			str.CancelWrite(requestRejected)
			continue
		}
		serving.Go(func() { q.serveStream(str) })
	}
	serving.Wait()
	q.mu.Lock()
	q.timer.Stop()
	q.mu.Unlock()
}

// admit reports whether a stream is one that the client may open: GOAWAY has not said that it is not served.
func (q *conn) admit(str *quic.Stream) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sentGoAway {
		return false
	}
	q.next = str.StreamID() + 4
	return true
}

// begin counts a request. It reports false if there are too many: handlers of streams that were reset may not have
// noticed yet.
func (q *conn) begin(str *quic.Stream) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.active >= 2*maxStreams || q.c.Listener().Revoked() {
		return false
	}
	q.active++
	q.requests++
	q.streams[str.StreamID()] = str
	q.served = true
	q.timer.Stop()
	q.c.Busy()
	return true
}

// end takes back one begin.
func (q *conn) end(str *quic.Stream) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.streams, str.StreamID())
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
	if q.conn == nil || q.sentGoAway {
		return // serve will, or it was told
	}
	q.sentGoAway = true
	q.c.Busy()
	if q.active == 0 {
		q.timer.Reset(q.grace())
	}
	go q.control.Write(appendGoAway(nil, q.next)) // it may wait until the connection ends
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
