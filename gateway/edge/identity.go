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
