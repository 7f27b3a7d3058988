package tlsconf

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"
)

// TestIdentity: whatever a certificate holds, its values are values of fields, and no name can be taken for two.
func TestIdentity(t *testing.T) {
	spiffe := &url.URL{Scheme: "spiffe", Host: "example.com", Path: "/w"}
	for _, x := range []struct {
		c              x509.Certificate
		subject, names string
	}{
		{x509.Certificate{Subject: pkix.Name{CommonName: "a", Organization: []string{"B, C"}}}, `CN=a,O=B\, C`, ""},
		{x509.Certificate{Subject: pkix.Name{CommonName: "a\r\nX-Admin: 1"}}, `CN=a\0D\0AX-Admin: 1`, ""},
		{x509.Certificate{Subject: pkix.Name{CommonName: "ü"}}, `CN=\C3\BC`, ""},
		{x509.Certificate{DNSNames: []string{"a.example", "b, URI:spiffe://x"}, URIs: []*url.URL{spiffe}}, "", `DNS:a.example, DNS:b\2C\20URI:spiffe://x, URI:spiffe://example.com/w`},
		{x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("a", maxIdentity)}}, "", ""},
	} {
		got := NewIdentity([]*x509.Certificate{&x.c})
		if got.Subject != x.subject || got.Names != x.names || len(got.Fingerprint) != 64 {
			t.Errorf("%q, %q, %q, want %q, %q", got.Subject, got.Names, got.Fingerprint, x.subject, x.names)
		}
	}
	if NewIdentity(nil) != nil {
		t.Error("an identity without a certificate")
	}
}
