package tlsconf

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// ClientAuth is a listener's policy for client certificates. It is not changed once it is in use.
type ClientAuth struct {
	// Authorities have signed the certificates that are accepted.
	Authorities *x509.CertPool
	// Require: a handshake without a certificate fails.
	Require bool
	// Exempt: a request without a certificate is refused, unless it is a preflight that the gateway answers itself.
	Exempt bool
	// Tag tells it from others: sessions are resumed under the same one only.
	Tag [sha256.Size]byte
}

// Config returns c with the requirements of a; a may be nil. sessions contains the keys of session
// tickets; nil: none are issued.
func (a *ClientAuth) Config(c, sessions *tls.Config) *tls.Config {
	if a == nil {
		return c
	}
	c = c.Clone()
	c.ClientCAs, c.ClientAuth = a.Authorities, tls.VerifyClientCertIfGiven
	if a.Require {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if sessions == nil {
		c.SessionTicketsDisabled = true
		return c
	}
	c.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, a.Tag[:])
		return sessions.EncryptTicket(state, session)
	}
	c.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := sessions.DecryptTicket(ticket, state)
		if err != nil || session == nil || !slices.ContainsFunc(session.Extra, func(b []byte) bool { return string(b) == string(a.Tag[:]) }) {
			return nil, nil // a whole handshake follows
		}
		return session, nil
	}
	return c
}
