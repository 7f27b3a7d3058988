package tlsconf

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// An Identity is the identity in a client's certificate, as values of fields. It is never modified.
type Identity struct {
	// Subject is the distinguished name, as RFC 4514 writes it.
	Subject string
	// Names are the subject alternative names, "DNS:a.example, URI:spiffe://example/b". Empty if there are none.
	Names string
	// Fingerprint is the SHA-256 of the certificate, in hexadecimal.
	Fingerprint string
}

// maxIdentity bounds a value. A longer one is left out: half of a name would be another name.
const maxIdentity = 4 << 10

// NewIdentity returns the identity that a verified chain of certificates has, the client's own
// first; nil without any.
func NewIdentity(certs []*x509.Certificate) *Identity {
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

// escapeValue escapes bytes that are not printable ASCII as in RFC 4514, section 2.4, so that
// the value can stand in a field.
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
