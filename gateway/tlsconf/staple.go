package tlsconf

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/crypto/ocsp"
)

// maxStaple bounds an OCSP response, in bytes.
const maxStaple = 64 << 10

// staple attaches the response of an OCSP responder that a file holds in DER, if there is such a
// file and the response says that the certificate is good. Otherwise it says why not: a client
// rejects a bad staple, and accepts none.
func (c *Certificate) staple(file string, now time.Time) (warning string) {
	der, err := readRegular(file, maxStaple)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return fmt.Sprintf("no OCSP staple: %v", err)
	case len(c.tls.Certificate) < 2:
		return fmt.Sprintf("no OCSP staple: without the issuer's certificate behind the server's, %s cannot be verified", file)
	}
	issuer, err := x509.ParseCertificate(c.tls.Certificate[1])
	if err != nil {
		return fmt.Sprintf("no OCSP staple: the issuer's certificate cannot be read: %v", err)
	}
	r, err := ocsp.ParseResponseForCert(der, c.leaf, issuer)
	switch {
	case err != nil:
		return fmt.Sprintf("no OCSP staple: %s: %v", file, err)
	case r.Status != ocsp.Good:
		return fmt.Sprintf("no OCSP staple: %s says that the certificate is revoked or unknown", file)
	case now.Before(r.ThisUpdate):
		return fmt.Sprintf("no OCSP staple: %s is not valid before %s", file, r.ThisUpdate.UTC().Format(time.RFC3339))
	case !now.Before(r.NextUpdate): // also without NextUpdate: newer information is always available then (RFC 6960, section 4.2.2.1)
		return fmt.Sprintf("no OCSP staple: %s was valid until %s only", file, r.NextUpdate.UTC().Format(time.RFC3339))
	}
	c.stapled, c.stapledFor = c.tls, r.NextUpdate
	c.stapled.OCSPStaple = der
	return ""
}
