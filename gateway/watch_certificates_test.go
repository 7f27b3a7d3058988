package gateway

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// shows returns the certificate that a client is shown, and how long its staple is.
func shows(t *testing.T, g *Gateway) (serial string, staple int) {
	t.Helper()
	c, err := g.proxy.Current().Edge.TLS.GetCertificate(&tls.ClientHelloInfo{ServerName: "h.example", SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.SerialNumber.String(), len(c.OCSPStaple)
}

// TestWatchCertificates: a renewal is taken over without being asked for, when all of it is there; so is an OCSP response,
// whenever it comes, and what an upstream is met with.
func TestWatchCertificates(t *testing.T) {
	dir, ca := t.TempDir(), pkitest.NewAuthority(t, "authority")
	old, next := ca.Issue(t, "h.example"), ca.Issue(t, "h.example")
	old.Write(t, dir, "c")
	old.Write(t, dir, "u")
	cfg, err := config.Parse(filepath.Join(dir, "corsgate.toml"), []byte(`[listener.https]
tls = true
[tls]
certificates = [{ cert = "c.pem", key = "c.key" }]
[upstream.api]
endpoints = ["https://127.0.0.1:1"]
tls_cert  = "u.pem"
tls_key   = "u.key"
[route.all]
upstream = "api"
`))
	if err != nil {
		t.Fatal(err)
	}
	g, log := watching(t, cfg)
	t.Cleanup(func() { g.Shutdown(context.Background()) })
	want := func(pair pkitest.Pair, stapled bool) {
		t.Helper()
		if serial, staple := shows(t, g); serial != pair.Leaf.SerialNumber.String() || staple > 0 != stapled {
			t.Errorf("serial %s, %d octets are stapled, want %s, stapled: %t", serial, staple, pair.Leaf.SerialNumber, stapled)
		}
	}
	const reloaded, refused = "certificates reloaded", "certificates not reloaded"
	want(old, false)

	// The key comes late.
	pkitest.Replace(t, filepath.Join(dir, "c.pem"), next.Cert)
	log.await(t, refused, "corsgate.toml:4: tls.certificates", "is not that of the certificate")
	want(old, false)
	pkitest.Replace(t, filepath.Join(dir, "c.key"), next.Key)
	log.await(t, reloaded)
	want(next, false)

	staple := filepath.Join(dir, "c.pem.ocsp")
	pkitest.Replace(t, staple, ca.Respond(t, next.Leaf, 0, time.Now().Add(time.Hour)))
	log.await(t, reloaded)
	want(next, true)
	pkitest.Replace(t, staple, []byte("nonsense"))
	log.await(t, "no OCSP staple")
	log.await(t, reloaded)
	want(next, false)
	if err := os.Remove(staple); err != nil {
		t.Fatal(err)
	}
	log.await(t, reloaded)

	// Nothing is lost with the files.
	for _, name := range []string{"c.pem", "c.key"} {
		os.Remove(filepath.Join(dir, name))
	}
	log.await(t, refused, "cannot read")
	want(next, false)
	old.Write(t, dir, "c")
	log.await(t, reloaded)
	want(old, false)

	before := g.proxy.Current().Upstreams["api"]
	next.Write(t, dir, "u")
	log.await(t, reloaded)
	if g.proxy.Current().Upstreams["api"] == before {
		t.Error("the upstream is met with the old certificate")
	}
}
