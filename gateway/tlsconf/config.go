// Package tlsconf makes the TLS configuration of a server: its certificates, by the name in the ClientHello, and the
// verification of client certificates. It is independent of connections and listeners; package edge makes the
// handshakes. It is internal to the gateway.
package tlsconf

import (
	"crypto/tls"
	"errors"
	"strings"
)

// suites are those of TLS 1.2 that are forward secret and authenticated. Those of TLS 1.3 all are, and Go does not let
// callers choose among them.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// New returns the TLS configuration for clients. There must be at least one certificate in list, or managed ones; managed is
// nil if there are none. minVersion is the oldest version of TLS that is accepted. What clients have to show depends on the
// listener; see [ClientAuth].
func New(list []*Certificate, managed Managed, minVersion uint16) *tls.Config {
	c := &tls.Config{
		GetCertificate: newCertificates(list, managed).choose,
		MinVersion:     minVersion,
		CipherSuites:   suites,
		NextProtos:     []string{"h2", "http/1.1"},
	}
	if managed != nil {
		authority := newChallengeTLS(managed)
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if isChallenge(hello) {
				return authority, nil
			}
			return nil, nil // the configuration itself
		}
	}
	return c
}

// ErrUnconfigured ends a handshake on a listener with TLS while no certificate is configured.
var ErrUnconfigured = errors.New("no certificate is configured")

// IsClientCertificateError reports whether a handshake has failed because of the client's certificate, or for lack of one.
func IsClientCertificateError(err error) bool {
	var invalid *tls.CertificateVerificationError
	// The library has no name for the other one; a test holds the text.
	return errors.As(err, &invalid) || strings.Contains(err.Error(), "didn't provide a certificate")
}
