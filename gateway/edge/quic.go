package edge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"

	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/quic-go/quic-go"
)

// This file takes in QUIC connections, by quic-go, for HTTP/3. The rules are:
//
//   - a connection counts from its first packet on, for its address only once that is known to be its own: anybody
//     can write another's into a packet;
//   - handshakes under way are bounded, and those of one address to an eighth of that; when there are many, clients have to
//     show first that they receive what is sent to them (RFC 9000, section 8.1.2);
//   - a request counts after the handshake only: what comes before (0-RTT) can be a copy of what another client has
//     sent, and the client's certificate is not known yet;
//   - who is refused is told so, and comes by TCP.

// Bounds of handshakes under way.
const (
	validateFrom  = 64
	maxHandshakes = 1024 // and half as many as there may be connections
	siteShare     = 8    // the part of them that one address can have; more than validateFrom, which anybody can have in its name
)

// Bounds of a QUIC connection, as far as they are not those of HTTP/2; see streams.go.
const (
	maxUniStreams = 8         // control, two of QPACK, and some that are there to be ignored (RFC 9114, section 6.2.3)
	streamWindow  = 64 << 10  // octets that a client may send before any is read
	connWindow    = 256 << 10 // likewise, on all streams
	maxWindow     = 256 << 10 // octets that may come in on a stream before they are read
	maxConnWindow = 1 << 20   // likewise, on all streams
)

func init() {
	// It would print to stderr that the system bounds buffers; see ReadBuffer.
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") // its name is valid
}

// ServeDatagrams takes in connections until d is closed. It returns nil then.
func (s *Server) ServeDatagrams(d *Datagrams) error {
	var key quic.StatelessResetKey
	rand.Read(key[:]) // it cannot fail
	transport := &quic.Transport{
		Conn:                  d.socket,
		ConnectionIDGenerator: d.socket.mark,
		StatelessResetKey:     &key,
		VerifySourceAddress:   func(net.Addr) bool { return s.quics.all.Load() >= validateFrom },
		ConnContext: func(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
			return s.meet(ctx, d, quicPeer(client.RemoteAddr))
		},
	}
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	listener, err := transport.Listen(s.newQUICSessions(d), &quic.Config{
		GetConfigForClient: func(*quic.ClientInfo) (*quic.Config, error) { return s.quicConfig(), nil },
	})
	d.transport, d.listener = transport, listener
	d.mu.Unlock()
	for err == nil {
		var conn *quic.Conn
		if conn, err = listener.Accept(context.Background()); err == nil {
			go s.serveQUIC(conn)
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
func (s *Server) Handshakes() int { return int(s.quics.all.Load()) }

func quicPeer(a net.Addr) netip.Addr { return a.(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("") }

// quicConfig returns the bounds of a connection that begins now.
func (s *Server) quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           s.opts.Load().Header / 2, // a handshake may take twice as long
		MaxIdleTimeout:                 pingAfter + pingTimeout,
		KeepAlivePeriod:                pingAfter,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         maxWindow,
		InitialConnectionReceiveWindow: connWindow,
		MaxConnectionReceiveWindow:     maxConnWindow,
		MaxIncomingStreams:             maxStreams,
		MaxIncomingUniStreams:          maxUniStreams,
	}
}

// newQUICSessions is newSessions for QUIC, where ALPN offers HTTP/3 alone.
func (s *Server) newQUICSessions(d *Datagrams) *tls.Config {
	return &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := s.opts.Load().TLS
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

var errRefused = errors.New("no further connection is taken in")

// meet decides whether a client may begin a handshake. The context of its connection holds the Conn.
func (s *Server) meet(ctx context.Context, d *Datagrams, peer netip.Addr) (context.Context, error) {
	on := d.on.Load()
	full := s.Full()
	if full {
		s.MakeRoom(false) // for the next one, or for this one by TCP
	}
	if full || on == nil || s.draining.Load() {
		return nil, errRefused
	}
	if !s.quics.begin(peer, min(maxHandshakes, s.opts.Load().Connections/2)) {
		return nil, errRefused
	}
	if !d.enter() {
		s.quics.end(peer)
		return nil, errRefused
	}
	s.Admit(netip.Addr{}, on)
	q := &quicConn{by: d, from: peer}
	q.c = &Conn{Conn: q, socket: q, server: s, on: on, opts: s.opts.Load(), ended: true, quic: q}
	s.mu.Lock()
	s.conns[q.c] = struct{}{}
	s.mu.Unlock()
	context.AfterFunc(ctx, func() { q.failed(context.Cause(ctx)) })
	return context.WithValue(ctx, connKey{}, q.c), nil
}

// failed ends a connection whose handshake has failed.
func (q *quicConn) failed(err error) {
	if !q.settled.CompareAndSwap(false, true) {
		return // it had not
	}
	s := q.c.server
	s.quics.end(q.from)
	s.lostFrom(netip.IPv4Unspecified(), q.c.on, lossOfQUIC(err), err)
	q.forget()
}

func (q *quicConn) forget() {
	q.c.server.forget(q.c)
	q.by.leave()
}

// lossOfQUIC says what a failed handshake is counted as.
func lossOfQUIC(err error) *Loss {
	const cryptoError = 0x100 // and a TLS alert; see RFC 9001, section 4.8
	var transport *quic.TransportError
	switch {
	case errors.Is(err, &quic.HandshakeTimeoutError{}), errors.Is(err, &quic.IdleTimeoutError{}):
		return LossTimeout
	case !errors.As(err, &transport), transport.ErrorCode == quic.ConnectionRefused:
		return LossGone
	case transport.Remote && transport.ErrorCode >= cryptoError && transport.ErrorCode < cryptoError<<1:
		return LossRefused
	case tlsconf.IsClientCertificateError(err):
		return LossCertificate
	case errors.Is(err, tlsconf.ErrNoCertificate):
		return LossUnready
	}
	return LossHandshake
}

// serveQUIC serves a connection whose handshake is made.
func (s *Server) serveQUIC(conn *quic.Conn) {
	q := conn.Context().Value(connKey{}).(*Conn).quic
	if !q.settled.CompareAndSwap(false, true) {
		return // it has ended meanwhile
	}
	s.quics.end(q.from)
	defer q.forget()
	peer := quicPeer(conn.RemoteAddr())
	if !s.nameSite(peer) {
		s.lostFrom(peer, q.c.on, LossSite, errSite)
		conn.CloseWithError(excessiveLoad, "") // it returns none
		return
	}
	q.c.peer = peer
	if q.c.on.ClientAuth != nil {
		q.identity = tlsconf.NewIdentity(conn.ConnectionState().TLS.PeerCertificates)
	}
	q.serve(conn, s.newHTTP3(q.c.opts))
}
