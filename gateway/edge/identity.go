package edge

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// This file is about the certificates of clients: what a listener asks of them, and what they say.

// ClientAuth is what a listener asks of clients. It is not changed once it is in use.
type ClientAuth struct {
	// Authorities have signed the certificates that are accepted.
	Authorities *x509.CertPool
	// Require: there is no handshake without a certificate.
	Require bool
	// Exempt: a request without a certificate is refused, unless it is a preflight that the gateway answers itself.
	Exempt bool
	// Tag tells it from others: sessions are resumed under the same one only.
	Tag [sha256.Size]byte
}

// of returns what is said of TLS where it is asked for. sessions has the keys of tickets; nil: there are none.
func (a *ClientAuth) of(c, sessions *tls.Config) *tls.Config {
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

// An Identity is what the certificate of a client says, as values of fields. It is not changed.
type Identity struct {
	// Subject is the distinguished name, as RFC 4514 writes it.
	Subject string
	// Names are the subject alternative names, "DNS:a.example, URI:spiffe://example/b". Empty if there are none.
	Names string
	// Fingerprint is the SHA-256 of the certificate, in hexadecimal.
	Fingerprint string
}

// maxIdentity bounds a value. What is longer is left out: half of a name would be another name.
const maxIdentity = 4 << 10

func newIdentity(certs []*x509.Certificate) *Identity {
	if len(certs) == 0 {
		return nil
	}
	c := certs[0]
	var names []string
	add := func(kind, name string) { names = append(names, kind+":"+escapeName(name)) }
	for _, n := range c.DNSNames {
		add("DNS", n)
	}
	for _, n := range c.EmailAddresses {
		add("email", n)
	}
	for _, n := range c.IPAddresses {
		add("IP", n.String())
	}
	for _, n := range c.URIs {
		add("URI", n.String())
	}
	sum := sha256.Sum256(c.Raw)
	return &Identity{bounded(escapeValue(c.Subject.String())), bounded(strings.Join(names, ", ")), hex.EncodeToString(sum[:])}
}

func bounded(s string) string {
	if len(s) > maxIdentity {
		return ""
	}
	return s
}

// escapeValue writes what is not printable ASCII as RFC 4514, section 2.4, has it, so that it can stand in a field.
func escapeValue(s string) string { return escape(s, func(b byte) bool { return b < ' ' || b > '~' }) }

// escapeName also escapes what separates names: no name can be taken for two.
func escapeName(s string) string {
	return escape(s, func(b byte) bool { return b <= ' ' || b > '~' || b == ',' || b == '\\' })
}

func escape(s string, special func(byte) bool) string {
	var out strings.Builder
	for i := range len(s) {
		if special(s[i]) {
			fmt.Fprintf(&out, `\%02X`, s[i])
		} else {
			out.WriteByte(s[i])
		}
	}
	return out.String()
}

// IdentityOf returns the identity of the client of a TLS connection of this package, nil if it has shown no certificate.
func IdentityOf(secure *tls.Conn) *Identity {
	if secure == nil {
		return nil
	}
	return secure.NetConn().(*transport).identity
}

// Identity returns the identity of the client, nil if it has shown no certificate.
func (c *Conn) Identity() *Identity {
	switch st := c.Conn.(type) {
	case *stream:
		return st.on.Identity()
	case *Pipe:
		return st.identity
	}
	switch {
	case c.quic != nil:
		return c.quic.identity
	case c.under != nil:
		return c.under.identity
	}
	return nil
}
