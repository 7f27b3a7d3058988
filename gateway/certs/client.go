package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file reads what the tls_* keys of an upstream, and of [redis], name. Verification cannot be switched off: an
// authority of one's own is as little work, and protects.

// ClientFiles are the files of one table that configures TLS, as they were written; "": none.
type ClientFiles struct{ CA, Cert, Key string }

// maxPEM bounds such a file.
const maxPEM = 1 << 20

// A Client is what the gateway speaks TLS to servers with.
type Client struct {
	// TLS is nil where the system's authorities do, and no certificate is shown.
	TLS *tls.Config
	// Sum is a digest of the files: if it changes, connections are to be made again.
	Sum [sha256.Size]byte
}

// ReadClient reads the files of a table, and reports what is wrong with them.
func ReadClient(cfg *config.Config, table string, files ClientFiles) (c Client, problems config.Problems) {
	bad := func(key, hint, format string, args ...any) {
		problems = append(problems, cfg.Problem(table+"."+key, -1, fmt.Sprintf(format, args...), hint))
	}
	path := func(key, name string) string {
		file, _ := cfg.Named(table+"."+key, name)
		return file.Path
	}
	read := func(key, name string) []byte {
		file, err := cfg.Named(table+"."+key, name)
		if err != nil {
			bad(key, "", "%v", err)
			return nil
		}
		text, err := file.Read(maxPEM)
		if err != nil {
			bad(key, "", "%v", err)
			return nil
		}
		return text
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	var ca, cert, key []byte
	if files.CA != "" {
		if ca = read("tls_ca", files.CA); ca != nil {
			t.RootCAs = x509.NewCertPool()
			if !t.RootCAs.AppendCertsFromPEM(ca) {
				bad("tls_ca", `it needs "-----BEGIN CERTIFICATE-----"`, "%s does not contain a certificate in PEM", path("tls_ca", files.CA))
			}
		}
	}
	if files.Cert != "" && files.Key != "" {
		cert, key = read("tls_cert", files.Cert), read("tls_key", files.Key)
	}
	if cert != nil && key != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			at, text := faultyHalf(err)
			bad(at, "", "%s and %s are not a certificate with its key: %s", path("tls_cert", files.Cert), path("tls_key", files.Key), text)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if ca == nil && cert == nil && key == nil || len(problems) > 0 {
		return Client{}, problems
	}
	return Client{TLS: t, Sum: sha256.Sum256(bytes.Join([][]byte{ca, cert, key}, []byte{0}))}, nil
}

// faultyHalf returns which key crypto/tls complains of, and the complaint without its prefix.
func faultyHalf(err error) (key, text string) {
	text = strings.TrimPrefix(err.Error(), "tls: ")
	text, _, _ = strings.Cut(text, " after skipping PEM blocks") // what they are called is content
	if strings.Contains(text, "private key") || strings.Contains(text, "key input") {
		return "tls_key", text
	}
	return "tls_cert", text
}
