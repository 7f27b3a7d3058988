package tlsconf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Certificate is one that the server can show, with its key. It is not changed once loaded.
type Certificate struct {
	tls  tls.Certificate // without a staple
	leaf *x509.Certificate

	stapled    tls.Certificate // with one
	stapledFor time.Time       // valid until then; zero: no staple
}

// NotAfter returns when the certificate expires.
func (c *Certificate) NotAfter() time.Time { return c.leaf.NotAfter }

// Covers reports whether clients that ask for a name are shown the certificate, or one that is as good.
func (c *Certificate) Covers(name string) bool { return c.leaf.VerifyHostname(name) == nil }

// maxPEM bounds a file of certificates, in bytes.
const maxPEM = 1 << 20

// LoadCertificate reads a certificate, its chain and its key from PEM files, and a response of its
// OCSP responder from the file of the same name with ".ocsp" behind, if there is one. warnings are
// what is wrong with it and no reason to show nothing instead. An error says which file is at fault.
func LoadCertificate(certFile, keyFile string, now time.Time) (c *Certificate, warnings []string, err error) {
	certPEM, err := readPEM(certFile)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err := readPEM(keyFile)
	if err != nil {
		return nil, nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, nil, explainPair(certFile, certPEM, keyFile, keyPEM, err)
	}
	c = &Certificate{tls: pair, leaf: pair.Leaf}
	warnings = c.warn(certFile, now)
	if staple := c.staple(certFile+".ocsp", now); staple != "" {
		warnings = append(warnings, staple)
	}
	return c, warnings, nil
}

// ExpirySoon is how long before its end a certificate is worth a warning.
const ExpirySoon = 14 * 24 * time.Hour

// ExpiryWarning says that the certificate has expired, or will soon; "" if neither.
func (c *Certificate) ExpiryWarning(now time.Time) string {
	left := c.leaf.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return fmt.Sprintf("the certificate has expired on %s", day(c.leaf.NotAfter))
	case left < ExpirySoon:
		return fmt.Sprintf("the certificate expires on %s, in %d days", day(c.leaf.NotAfter), left/(24*time.Hour))
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func (c *Certificate) warn(file string, now time.Time) (warnings []string) {
	note := func(format string, args ...any) { warnings = append(warnings, file+": "+fmt.Sprintf(format, args...)) }
	if w := c.ExpiryWarning(now); w != "" {
		note("%s", w)
	}
	if now.Before(c.leaf.NotBefore) {
		note("the certificate is not valid before %s", day(c.leaf.NotBefore))
	}
	if len(c.leaf.DNSNames) == 0 && len(c.leaf.IPAddresses) == 0 {
		note("the certificate names no host (subjectAltName): clients will not accept it")
	}
	if key, ok := c.leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		note("an RSA key of %d bits is too short: use 2048, or ECDSA", key.N.BitLen())
	}
	if len(c.leaf.ExtKeyUsage) > 0 && !slices.ContainsFunc(c.leaf.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny
	}) {
		note("the certificate is not for servers (extendedKeyUsage): clients will not accept it")
	}
	return warnings
}

// ecdsa reports whether the key is of the kind that costs a handshake least.
func (c *Certificate) ecdsa() bool {
	_, ok := c.leaf.PublicKey.(*ecdsa.PublicKey)
	return ok
}

// LoadAuthorities reads a PEM file of certificates that others are verified against.
func LoadAuthorities(file string) (*x509.CertPool, error) {
	text, err := readPEM(file)
	if err != nil {
		return nil, err
	}
	pool, n := x509.NewCertPool(), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			what := "block that is no certificate"
			if strings.HasSuffix(block.Type, "PRIVATE KEY") { // any other type is content of the file, which an error must not show
				what = "PRIVATE KEY"
			}
			return nil, fmt.Errorf("%s holds a %s: only certificates belong here", file, what)
		}
		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d cannot be read: %w", file, n+1, err)
		}
		pool.AddCert(authority)
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("%s does not contain a certificate in PEM (-----BEGIN CERTIFICATE-----)", file)
	}
	return pool, nil
}

func readPEM(file string) ([]byte, error) { return readRegular(file, maxPEM) }

// readRegular reads a file of at most so many bytes. It does not wait for the other end of a pipe.
func readRegular(file string, most int64) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, explainFile(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, explainFile(err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", file)
	case info.Size() > most:
		return nil, fmt.Errorf("%s is larger than %d KiB", file, most>>10)
	}
	text := make([]byte, info.Size()+1)
	n, err := f.Read(text)
	if err != nil && n == 0 && info.Size() > 0 {
		return nil, explainFile(err)
	}
	return text[:n], nil
}

func explainFile(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return fmt.Errorf("cannot read %s: %w", e.Path, e.Err)
	}
	return err
}

// explainPair says which of the two files is the reason that they do not match.
func explainPair(certFile string, certPEM []byte, keyFile string, keyPEM []byte, err error) error {
	first, _ := pem.Decode(certPEM)
	for first != nil && first.Type != "CERTIFICATE" {
		first = nil
		if _, rest, found := bytes.Cut(certPEM, []byte("-----BEGIN CERTIFICATE-----")); found {
			first, _ = pem.Decode(append([]byte("-----BEGIN CERTIFICATE-----"), rest...))
		}
	}
	if first == nil {
		return fmt.Errorf("%s does not contain a certificate in PEM (-----BEGIN CERTIFICATE-----)", certFile)
	}
	leaf, parseErr := x509.ParseCertificate(first.Bytes)
	if parseErr != nil {
		return fmt.Errorf("%s: the certificate cannot be read: %w", certFile, parseErr)
	}
	key, _ := pem.Decode(keyPEM)
	switch {
	case key == nil || !bytes.Contains(keyPEM, []byte("PRIVATE KEY-----")):
		return fmt.Errorf("%s holds no private key in PEM (-----BEGIN PRIVATE KEY-----)", keyFile)
	case bytes.Contains(keyPEM, []byte("ENCRYPTED")):
		return fmt.Errorf("the key in %s is encrypted: store it without a passphrase, readable by corsgate alone", keyFile)
	case leaf.IsCA:
		return fmt.Errorf("the key in %s is not that of the first certificate in %s, which is an authority's: the server's own comes first", keyFile, certFile)
	}
	text, _, _ := strings.Cut(err.Error(), " after skipping PEM blocks") // the names of files are content
	return fmt.Errorf("the key in %s is not that of the certificate in %s: %s", keyFile, certFile, text)
}
