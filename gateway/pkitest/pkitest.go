// Package pkitest makes certificates for tests.
package pkitest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// An Authority signs certificates.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	// PEM is its own certificate.
	PEM []byte
	// Pool has nothing but it.
	Pool *x509.CertPool
}

// A Pair is a certificate followed by its authority's, and its key.
type Pair struct {
	Cert, Key []byte // PEM
	Leaf      *x509.Certificate
}

// NewAuthority makes an authority.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := &Authority{Key: ecdsaKey(t), Pool: x509.NewCertPool()}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.Key.Public(), a.Key)
	check(t, err)
	a.Certificate, err = x509.ParseCertificate(der)
	check(t, err)
	a.PEM = encode("CERTIFICATE", der)
	a.Pool.AddCert(a.Certificate)
	return a
}

// Issue makes a certificate with an ECDSA key, valid for a year, for servers and clients with these names.
func (a *Authority) Issue(t testing.TB, names ...string) Pair {
	t.Helper()
	return a.sign(t, ecdsaKey(t), time.Now().AddDate(1, 0, 0), names)
}

// IssueRSA is Issue with an RSA key.
func (a *Authority) IssueRSA(t testing.TB, names ...string) Pair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	return a.sign(t, key, time.Now().AddDate(1, 0, 0), names)
}

// IssueUntil is Issue with another end.
func (a *Authority) IssueUntil(t testing.TB, end time.Time, names ...string) Pair {
	t.Helper()
	return a.sign(t, ecdsaKey(t), end, names)
}

// Sign makes a certificate of a signing request, in DER, valid as long as is said.
func (a *Authority) Sign(t testing.TB, csr *x509.CertificateRequest, from, end time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), NotBefore: from, NotAfter: end, DNSNames: csr.DNSNames,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, csr.PublicKey, a.Key)
	check(t, err)
	return der
}

// Respond makes a response of OCSP, of an hour ago, about a certificate; status is one of package ocsp.
func (a *Authority) Respond(t testing.TB, leaf *x509.Certificate, status int, next time.Time) []byte {
	t.Helper()
	der, err := ocsp.CreateResponse(a.Certificate, a.Certificate, ocsp.Response{
		Status: status, SerialNumber: leaf.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: next, RevokedAt: time.Now().Add(-time.Minute),
	}, a.Key)
	check(t, err)
	return der
}

func (a *Authority) sign(t testing.TB, key crypto.Signer, end time.Time, names []string) Pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.Key)
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return Pair{append(encode("CERTIFICATE", der), a.PEM...), encode("PRIVATE KEY", pkcs8), leaf}
}

// Write writes the pair to dir/name.pem and dir/name.key. Each file is replaced at once, never half written.
func (p Pair) Write(t testing.TB, dir, name string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	Replace(t, cert, p.Cert)
	Replace(t, key, p.Key)
	return cert, key
}

// Replace puts a file in the place of the one at path.
func Replace(t testing.TB, path string, text []byte) {
	t.Helper()
	check(t, os.WriteFile(path+"~", text, 0o600))
	check(t, os.Rename(path+"~", path))
}

// TLS returns the pair as crypto/tls wants it.
func (p Pair) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(p.Cert, p.Key)
	check(t, err)
	return c
}

func ecdsaKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	check(t, err)
	return n
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
