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

// A Failure is why a connection ended before a request could be read from it. Failures are package
// constants: compare by pointer, never modify.
type Failure struct {
	// Layer is "tls" or "proxy", for the PROXY protocol.
	Layer string
	// Reason names the kind in metrics and logs. The set is closed.
	Reason string
}

// The failures.
var (
	FailurePlaintext         = &Failure{"tls", "plaintext"}          // the client speaks HTTP, not TLS
	FailureTimeout           = &Failure{"tls", "timeout"}            // it was too slow
	FailureGone              = &Failure{"tls", "gone"}               // it has closed the connection
	FailureClientCertificate = &Failure{"tls", "client-certificate"} // its certificate is not accepted, or it has none
	FailureRefused           = &Failure{"tls", "refused"}            // it has refused ours
	FailureNoCertificate     = &Failure{"tls", "no-certificate"}     // the name that it asks for has no certificate yet
	FailureHandshake         = &Failure{"tls", "handshake"}          // nothing in common, or no TLS at all
	FailurePressure          = &Failure{"tls", "crowd"}              // of too many handshakes it had waited for its client longest

	FailureAddress = &Failure{"tls", "address"} // a QUIC client whose address has too many connections

	FailureUntrusted      = &Failure{"proxy", "untrusted"} // the peer may not name clients
	FailureHeader         = &Failure{"proxy", "header"}    // missing or malformed
	FailureHeaderTimeout  = &Failure{"proxy", "timeout"}   // it did not come in time
	FailureProxiedAddress = &Failure{"proxy", "address"}   // the address that it names has too many connections
)

// Failures returns every Failure.
func Failures() []*Failure {
	return []*Failure{FailurePlaintext, FailureTimeout, FailureGone, FailureClientCertificate, FailureRefused, FailureNoCertificate, FailureHandshake, FailurePressure, FailureAddress,
		FailureUntrusted, FailureHeader, FailureHeaderTimeout, FailureProxiedAddress}
}

// OnFailure has f called for each connection that fails before a request. It must be called before Serve.
func (s *Server) OnFailure(f func(failure *Failure, on *Listener, peer netip.Addr, err error)) {
	s.onFailure = f
}

// OnExhausted has f called when a connection cannot be served because the machine is short of
// descriptors or memory. It must be called before Serve.
func (s *Server) OnExhausted(f func(on *Listener, err error)) { s.onExhausted = f }

// OnFlood has f called for each connection that was ended because of a flood: protocol is "http2" or "http3", and kind what there was
// too much of. It must be called before Serve.
func (s *Server) OnFlood(f func(on *Listener, peer netip.Addr, protocol, kind string)) { s.onFlood = f }

// ReportFlood reports that to the f of OnFlood.
func (s *Server) ReportFlood(on *Listener, peer netip.Addr, protocol, kind string) {
	if s.onFlood != nil {
		s.onFlood(on, peer, protocol, kind)
	}
}

// ReportExhausted reports that to the f of OnExhausted.
func (s *Server) ReportExhausted(on *Listener, err error) {
	if s.onExhausted != nil {
		s.onExhausted(on, err)
	}
}

func (s *Server) failed(c *Conn, failure *Failure, err error) {
	peer := c.peer
	if !peer.IsValid() {
		peer = peerAddr(c.socket)
	}
	s.ReportFailure(peer, c.on, failure, err)
}

// ReportFailure reports a connection that has failed to the f of OnFailure.
func (s *Server) ReportFailure(peer netip.Addr, on *Listener, failure *Failure, err error) {
	if s.onFailure != nil {
		s.onFailure(failure, on, peer, err)
	}
}

// failureOf says what a failed handshake is counted as.
func failureOf(err error) *Failure {
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return FailureTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return FailureGone
	case errors.As(err, &op) && op.Op == "remote error":
		return FailureRefused
	case errors.Is(err, tlsconf.ErrNoCertificate), errors.Is(err, tlsconf.ErrNoChallenge):
		return FailureNoCertificate
	case tlsconf.IsClientCertificateError(err):
		return FailureClientCertificate
	}
	return FailureHandshake
}
