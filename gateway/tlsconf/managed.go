package tlsconf

import (
	"crypto/tls"
	"errors"
	"strings"
)

// Managed are certificates that are obtained, and renewed, while they are served. Its methods
// are called in handshakes, by many goroutines concurrently: they must answer from memory.
type Managed interface {
	// Certificate returns the certificate for a name in lower case, or nil if there is none
	// yet. It reports false if the name is not managed.
	Certificate(name string) (c *tls.Certificate, known bool)
	// First returns the certificate for clients that ask for no name, or another one; nil if there is none yet.
	First() *tls.Certificate
	// Challenge returns the certificate that shows an authority that we answer for a name, or
	// nil if none has asked. It is only called where a client says that it is one. See RFC
	// 8737.
	Challenge(name string) *tls.Certificate
}

// ChallengeProtocol is the ALPN protocol of an ACME authority that validates a name: it looks
// at the certificate, and closes the connection. See RFC 8737, section 6.2.
const ChallengeProtocol = "acme-tls/1"

// ErrNoCertificate ends a handshake for a name that is ours but has no certificate yet.
var ErrNoCertificate = errors.New("there is no certificate yet for the name that the client asks for")

// newChallengeTLS returns the TLS configuration for the CA's validation. The CA has no
// certificate to show us, and no session to resume.
func newChallengeTLS(managed Managed) *tls.Config {
	return &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := managed.Challenge(strings.TrimSuffix(hello.ServerName, ".")); c != nil {
				return c, nil
			}
			return nil, ErrNoChallenge
		},
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{ChallengeProtocol},
		SessionTicketsDisabled: true,
	}
}

// ErrNoChallenge ends a handshake of a CA for a name whose validation was not requested.
var ErrNoChallenge = errors.New("no authority has asked to be shown this name")

// isChallenge reports whether the client is an authority.
func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == ChallengeProtocol
}
