package acmetest

import (
	"crypto/x509"
	"encoding/base64"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A process is gateway/internal/doubles/pebble, which says what is written to it and what it answers.
type process struct {
	*tooltest.Process
	address string // of its HTTP server
	root    *x509.Certificate
}

// startPebble starts it with some arguments. It ends with the test.
func startPebble(t testing.TB, args ...string) process {
	t.Helper()
	p := process{Process: tooltest.StartDouble(t, "pebble", args...)}
	p.address = p.Line()
	der, err := base64.StdEncoding.DecodeString(p.Line())
	if err != nil {
		t.Fatal(err)
	}
	if p.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return p
}
