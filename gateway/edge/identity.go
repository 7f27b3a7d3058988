package edge

import (
	"crypto/tls"

	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// IdentityOf returns the identity of the client of a TLS connection of this package, nil if it has shown no certificate.
func IdentityOf(secure *tls.Conn) *tlsconf.Identity {
	if secure == nil {
		return nil
	}
	return secure.NetConn().(*transport).identity
}

// Identity returns the identity of the client, nil if it has shown no certificate.
func (c *Conn) Identity() *tlsconf.Identity {
	switch {
	case c.stream != nil:
		return c.stream.Identity()
	case c.under != nil:
		return c.under.identity
	}
	return nil
}
