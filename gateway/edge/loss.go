package edge

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// A Loss is why a connection ended before a request could be read from it. Losses are package
// constants: compare by pointer, never modify.
type Loss struct {
	// Layer is "tls" or "proxy", for the PROXY protocol.
	Layer string
	// Reason names the kind in metrics and logs. The set is closed.
	Reason string
}

// The losses.
var (
	LossPlaintext   = &Loss{"tls", "plaintext"}          // the client speaks HTTP, not TLS
	LossTimeout     = &Loss{"tls", "timeout"}            // it was too slow
	LossGone        = &Loss{"tls", "gone"}               // it has closed the connection
	LossCertificate = &Loss{"tls", "client-certificate"} // its certificate will not do, or it has none
	LossRefused     = &Loss{"tls", "refused"}            // it has refused ours
	LossUnready     = &Loss{"tls", "no-certificate"}     // the name that it asks for has no certificate yet
	LossHandshake   = &Loss{"tls", "handshake"}          // nothing in common, or no TLS at all
	LossCrowd       = &Loss{"tls", "crowd"}              // of too many handshakes it had waited for its client longest

	LossSite = &Loss{"tls", "address"} // a QUIC client whose address has too many connections

	LossUntrusted   = &Loss{"proxy", "untrusted"} // the peer is none of those that may name clients
	LossHeader      = &Loss{"proxy", "header"}    // there is none, or it is malformed
	LossHeaderTime  = &Loss{"proxy", "timeout"}   // it did not come in time
	LossProxiedSite = &Loss{"proxy", "address"}   // the address it names has too many connections
)

// Losses returns every Loss.
func Losses() []*Loss {
	return []*Loss{LossPlaintext, LossTimeout, LossGone, LossCertificate, LossRefused, LossUnready, LossHandshake, LossCrowd, LossSite,
		LossUntrusted, LossHeader, LossHeaderTime, LossProxiedSite}
}

// OnLost has f called for each connection that is lost. It must be called before Serve.
func (s *Server) OnLost(f func(loss *Loss, on *Listener, peer netip.Addr, err error)) { s.onLost = f }

// OnShort has f called when a connection cannot be served because the machine is short of descriptors or memory. It must be
// called before Serve.
func (s *Server) OnShort(f func(on *Listener, err error)) { s.onShort = f }

// Short reports such a shortage to the f of OnShort.
func (s *Server) Short(on *Listener, err error) {
	if s.onShort != nil {
		s.onShort(on, err)
	}
}

func (s *Server) lost(c *Conn, loss *Loss, err error) {
	peer := c.peer
	if !peer.IsValid() {
		peer = peerAddr(c.socket)
	}
	s.Lost(peer, c.on, loss, err)
}

// Lost reports a connection that has ended before a request could be read from it to the f of OnLost.
func (s *Server) Lost(peer netip.Addr, on *Listener, loss *Loss, err error) {
	if s.onLost != nil {
		s.onLost(loss, on, peer, err)
	}
}

// lossOf says what a failed handshake is counted as.
func lossOf(err error) *Loss {
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return LossTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return LossGone
	case errors.As(err, &op) && op.Op == "remote error":
		return LossRefused
	case errors.Is(err, tlsconf.ErrNoCertificate), errors.Is(err, tlsconf.ErrNoChallenge):
		return LossUnready
	case tlsconf.IsClientCertificateError(err):
		return LossCertificate
	}
	return LossHandshake
}
