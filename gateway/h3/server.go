// Package h3 serves HTTP/3: the frames and streams of RFC 9114, over the QUIC of quic-go, which it alone imports. Each request becomes
// HTTP/1.1 text by package h2's heads, which package edge serves like any other, and each response becomes frames again; see stream.
// A connection belongs to an edge.Server: it is counted, bounded, drained, and closed to make room, as TCP connections are.
//
//	control, QPACK streams ──readUni──► checked: control.go
//	request stream ──frameReader──► HEADERS ──h2.DecodeQPACK──► text ─┐
//	                              └─ DATA, trailers ──► content ──────┴─Read──► package edge ──► handler
//	request stream ◄──Write── frames ◄── pipe.Outlet ◄───────────────────────────────────────────── HTTP/1.1
//
// The server of quic-go's http3 package was dropped: it makes requests of net/http, with maps and strings, of which the text had to be
// made again. That was half of the CPU time of a request. The package is internal to the gateway.
package h3

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/quic-go/quic-go"
)

// This file takes in QUIC connections. The rules are:
//
//   - a connection counts from its first packet on, and for its address once that is known to be its own: a packet
//     can carry any address;
//   - handshakes under way are bounded, and those from one address to an eighth of that; when
//     there are many, clients have to validate their addresses first (Retry: RFC 9000, section
//     8.1.2);
//   - a request counts after the handshake only: what comes before (0-RTT) can be a copy of what another client
//     sent, and the client's certificate is not known yet;
//   - a client that is refused is told so, and comes by TCP.

// Bounds of handshakes under way.
const (
	validateFrom  = 64
	maxHandshakes = 1024 // and half as many as there may be connections
	addressShare  = 8    // the part of them that one address can have; more than validateFrom, which others can take up in its name
)

// Bounds of a QUIC connection, in addition to those that HTTP/2 shares.
const (
	maxStreams    = h2.MaxStreams
	pingAfter     = 30 * time.Second // without a packet from the client
	pingTimeout   = 15 * time.Second
	maxUniStreams = 8         // control, two of QPACK, and some that are there to be ignored (RFC 9114, section 6.2.3)
	streamWindow  = 64 << 10  // bytes that a client may send before any is read
	connWindow    = 64 << 10  // likewise, on all streams
	maxWindow     = 256 << 10 // bytes that may come in on a stream before they are read
	maxConnWindow = 1 << 20   // likewise, on all streams
)

func init() {
	// It would print to stderr that the system bounds buffers; see ReadBuffer.
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") // its name is valid
}

// A Server serves HTTP/3 for a server of package edge: its handler, its bounds and its drain
// are those of the latter. Its methods may be called from any goroutine.
type Server struct {
	edge        *edge.Server
	handshakes  handshakes // under way
	idleStreams sync.Pool  // of *stream
	windows     windows
}

// NewServer returns a server whose connections are among those of s.
func NewServer(s *edge.Server) *Server {
	h := &Server{edge: s}
	h.windows.init()
	return h
}

// Serve takes in connections until d is closed. It returns nil then.
func (s *Server) Serve(d *Datagrams) error {
	var key quic.StatelessResetKey
	rand.Read(key[:]) // it cannot fail
	transport := &quic.Transport{
		Conn:                  d.socket,
		ConnectionIDGenerator: d.socket.prefix,
		StatelessResetKey:     &key,
		VerifySourceAddress:   func(net.Addr) bool { return s.handshakes.all.Load() >= validateFrom },
		ConnContext: func(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
			return s.meet(ctx, d, peerOf(client.RemoteAddr))
		},
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	listener, err := transport.Listen(s.newSessions(d), &quic.Config{
		GetConfigForClient: func(*quic.ClientInfo) (*quic.Config, error) { return s.config(), nil },
	})
	d.transport, d.listener = transport, listener
	d.mu.Unlock()
	for err == nil {
		var conn *quic.Conn
		if conn, err = listener.Accept(context.Background()); err == nil {
			go s.serve(conn)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || errors.Is(err, quic.ErrServerClosed) {
		return nil
	}
	return err
}

// Handshakes returns how many QUIC handshakes are under way.
func (s *Server) Handshakes() int { return int(s.handshakes.all.Load()) }

func peerOf(a net.Addr) netip.Addr { return a.(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("") }

// config returns the bounds of a connection that begins now.
func (s *Server) config() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           s.edge.Options().Header / 2, // a handshake may take twice as long
		MaxIdleTimeout:                 pingAfter + pingTimeout,
		KeepAlivePeriod:                pingAfter,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         maxWindow,
		InitialConnectionReceiveWindow: connWindow,
		MaxConnectionReceiveWindow:     maxConnWindow,
		AllowConnectionWindowIncrease:  s.growWindow,
		MaxIncomingStreams:             maxStreams,
		MaxIncomingUniStreams:          maxUniStreams,
	}
}

// newSessions returns the configuration of all handshakes, which defers to the one in force.
// ALPN offers HTTP/3 alone.
func (s *Server) newSessions(d *Datagrams) *tls.Config {
	return &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := s.edge.Options().TLS
			if c == nil {
				return nil, tlsconf.ErrUnconfigured
			}
			if on := d.on.Load(); on != nil {
				c = on.ClientAuth.Config(c, nil)
			}
			c = c.Clone()
			c.NextProtos, c.GetConfigForClient = []string{"h3"}, nil // challenges of ACME come by TCP
			return c, nil
		},
		NextProtos: []string{"h3"},
		MinVersion: tls.VersionTLS13,
	}
}

var (
	errRefused = errors.New("no further connection is taken in")
	errSite    = errors.New("too many connections from this address")
)

// connKey is the key of the *conn in the contexts of a connection and of its requests.
type connKey struct{}

// meet decides whether a client may begin a handshake. The context of its connection holds the conn.
func (s *Server) meet(ctx context.Context, d *Datagrams, peer netip.Addr) (context.Context, error) {
	on := d.on.Load()
	full := s.edge.Full()
	if full {
		s.edge.MakeRoom(false) // for the next one, or for this one by TCP
	}
	if full || on == nil || s.edge.Draining() {
		return nil, errRefused
	}
	if !s.handshakes.begin(peer, min(maxHandshakes, s.edge.Options().Connections/2)) {
		return nil, errRefused
	}
	if !d.enter() {
		s.handshakes.end(peer)
		return nil, errRefused
	}
	q := &conn{s: s, by: d, from: peer} // from Carry on it may be told to go; see goAway
	q.c = s.edge.Carry(q, q, on)
	context.AfterFunc(ctx, func() { q.failed(context.Cause(ctx)) })
	return context.WithValue(ctx, connKey{}, q), nil
}

// failed ends a connection whose handshake has failed.
func (q *conn) failed(err error) {
	if !q.settled.CompareAndSwap(false, true) {
		return // it did not fail
	}
	q.s.handshakes.end(q.from)
	q.s.edge.ReportFailure(netip.IPv4Unspecified(), q.c.Listener(), failureOf(err), err)
	q.forget()
}

func (q *conn) forget() {
	q.s.windows.giveBack(&q.window)
	q.c.Forget()
	q.by.leave()
}

// failureOf says what a failed handshake is counted as.
func failureOf(err error) *edge.Failure {
	const cryptoError = 0x100 // and a TLS alert; see RFC 9001, section 4.8
	var transport *quic.TransportError
	switch {
	case errors.Is(err, &quic.HandshakeTimeoutError{}), errors.Is(err, &quic.IdleTimeoutError{}):
		return edge.FailureTimeout
	case !errors.As(err, &transport), transport.ErrorCode == quic.ConnectionRefused:
		return edge.FailureGone
	case transport.Remote && transport.ErrorCode >= cryptoError && transport.ErrorCode < cryptoError<<1:
		return edge.FailureRefused
	case tlsconf.IsClientCertificateError(err):
		return edge.FailureClientCertificate
	case errors.Is(err, tlsconf.ErrNoCertificate):
		return edge.FailureNoCertificate
	}
	return edge.FailureHandshake
}

// serve serves a connection whose handshake is made.
func (s *Server) serve(qc *quic.Conn) {
	q := qc.Context().Value(connKey{}).(*conn)
	if !q.settled.CompareAndSwap(false, true) {
		return // it has ended already
	}
	s.handshakes.end(q.from)
	defer q.forget()
	peer := peerOf(qc.RemoteAddr())
	if !q.c.CountAddress(peer) {
		s.edge.ReportFailure(peer, q.c.Listener(), edge.FailureAddress, errSite)
		qc.CloseWithError(excessiveLoad, "") // it returns none
		return
	}
	if q.c.Listener().ClientAuth != nil {
		q.identity = tlsconf.NewIdentity(qc.ConnectionState().TLS.PeerCertificates)
	}
	q.serve(qc)
}
