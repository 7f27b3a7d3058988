package tlsconf

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
)

// ChainWarning says why clients that have only roots cannot follow a chain from the certificate to one of them; "" if nothing
// speaks against it. roots are those that clients may have. See RFC 5246, section 7.4.2, and RFC 8446, section 4.4.2.
func (c *Certificate) ChainWarning(roots *x509.CertPool) string {
	var chain []*x509.Certificate
	for _, der := range c.tls.Certificate {
		one, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Sprintf("certificate %d cannot be read: %v", len(chain)+1, err)
		}
		chain = append(chain, one)
	}
	for i, one := range chain[:len(chain)-1] {
		if selfSigned(one) {
			return fmt.Sprintf("what follows certificate %d, %q, is of no use: that one is a root", i+1, one.Subject)
		}
		if signed(one, chain[i+1]) {
			continue
		}
		if at := slices.IndexFunc(chain, func(by *x509.Certificate) bool { return signed(one, by) }); at >= 0 {
			return fmt.Sprintf("the chain is in the wrong order: certificate %d, %q, is signed by certificate %d, %q: write that directly after it",
				i+1, one.Subject, at+1, chain[at].Subject)
		}
		return fmt.Sprintf("certificate %d, %q, is signed by %q, and certificate %d is %q: clients cannot follow the chain (append the issuer's, from its authority)",
			i+1, one.Subject, one.Issuer, i+2, chain[i+1].Subject)
	}
	leaf := chain[0]
	if len(chain) > 1 || selfSigned(leaf) {
		return "" // what signed the last is a root, or unknown
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: leaf.NotBefore}); err == nil {
		return ""
	}
	return fmt.Sprintf("the certificate stands alone, and %q, which signed it, is no root that is known here: clients that lack it refuse the certificate (append the intermediate certificates; if it is a root that your clients have, append that)",
		leaf.Issuer)
}

// signed reports whether by has signed one.
func signed(one, by *x509.Certificate) bool {
	return one != by && bytes.Equal(one.RawIssuer, by.RawSubject) && one.CheckSignatureFrom(by) == nil
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}
