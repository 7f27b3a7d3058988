package tlsconf_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// A link is a certificate of a chain, with its key.
type link struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

// issue makes a certificate that by signs; nil: itself.
func issue(t *testing.T, name string, by *link) *link {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"api.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: name != "leaf", BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if l.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	l.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return l
}

// TestChainWarning: what clients that have only the root cannot follow.
func TestChainWarning(t *testing.T) {
	root := issue(t, "root", nil)
	intermediate := issue(t, "intermediate", root)
	issuing := issue(t, "issuing", intermediate)
	leaf := issue(t, "leaf", issuing)
	direct := issue(t, "leaf", root)
	alone := issue(t, "leaf", nil)
	stranger := issue(t, "stranger", root)
	namesake := issue(t, "issuing", root) // the right name, and another key
	f := func(want string, known *link, chain ...*link) {
		t.Helper()
		dir, text := t.TempDir(), ""
		for _, l := range chain {
			text += l.pem
		}
		der, err := x509.MarshalPKCS8PrivateKey(chain[0].key)
		if err != nil {
			t.Fatal(err)
		}
		cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "c.key")
		for path, content := range map[string]string{cert: text, key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, _, err := tlsconf.LoadCertificate(cert, key, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		if known != nil {
			roots.AddCert(known.cert)
		}
		if got := c.ChainWarning(roots); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%d certificates: %q, want %q", len(chain), got, want)
		}
	}
	f("", nil, leaf, issuing, intermediate)
	f("", nil, leaf, issuing, intermediate, root)
	f("", nil, leaf, issuing) // that the intermediate is no root nobody here can tell
	f("", nil, alone)
	f("", root, direct)
	f("", nil, direct, root)
	f(`stands alone, and "CN=issuing"`, nil, leaf)
	f(`stands alone, and "CN=issuing"`, root, leaf)
	f(`stands alone, and "CN=root"`, nil, direct)
	f(`certificate 1, "CN=leaf", is signed by "CN=issuing", and certificate 2 is "CN=stranger"`, root, leaf, stranger)
	f(`certificate 1, "CN=leaf", is signed by "CN=issuing", and certificate 2 is "CN=issuing"`, root, leaf, namesake)
	f("wrong order: certificate 1, \"CN=leaf\", is signed by certificate 3", root, leaf, intermediate, issuing)
	f(`certificate 2, "CN=issuing", is signed by "CN=intermediate", and certificate 3 is "CN=root"`, root, leaf, issuing, root)
	f("what follows certificate 2", root, direct, root, intermediate)
	f("certificate 1", root, leaf, leaf)
}
