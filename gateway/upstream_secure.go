package gateway

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// This file reads what the tls_* keys of an upstream, and of [redis], name. Verification cannot be switched off: an
// authority of one's own is as little work, and protects.

// secureFiles are the files of one table that configures TLS, as they were written; "": none.
type secureFiles struct{ ca, cert, key string }

// maxPEM bounds such a file.
const maxPEM = 1 << 20

// secure is what servers are spoken to with.
type secure struct {
	tls *tls.Config       // nil: the system's authorities and no certificate
	sum [sha256.Size]byte // of the files: if they change, connections are made anew
}

// readSecure reads the files of a table, and reports what is wrong with them.
func readSecure(cfg *config.Config, table string, files secureFiles) (s secure, problems config.Problems) {
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
	if files.ca != "" {
		if ca = read("tls_ca", files.ca); ca != nil {
			t.RootCAs = x509.NewCertPool()
			if !t.RootCAs.AppendCertsFromPEM(ca) {
				bad("tls_ca", `it wants "-----BEGIN CERTIFICATE-----"`, "%s holds no certificate in PEM", path("tls_ca", files.ca))
			}
		}
	}
	if files.cert != "" && files.key != "" {
		cert, key = read("tls_cert", files.cert), read("tls_key", files.key)
	}
	if cert != nil && key != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			at, text := faultyHalf(err)
			bad(at, "", "%s and %s are no certificate with its key: %s", path("tls_cert", files.cert), path("tls_key", files.key), text)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if ca == nil && cert == nil && key == nil || len(problems) > 0 {
		return secure{}, problems
	}
	return secure{tls: t, sum: sha256.Sum256(bytes.Join([][]byte{ca, cert, key}, []byte{0}))}, nil
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

// serverName returns the name that an endpoint's certificate must bear, or "" if it speaks no TLS.
// Where endpoints are looked up by SRV it is the domain that was configured: what DNS answers
// proves nothing. See RFC 6125, section 6.2.1.
func serverName(c *config.Upstream, e config.Endpoint) string {
	switch {
	case !e.TLS:
		return ""
	case c.TLSServerName != "":
		return c.TLSServerName
	case e.Discovery == "srv":
		return domain(e.Address)
	}
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		panic("BUG: an endpoint without a port: " + e.Address)
	}
	return host
}

// domain returns the name of a service without what says which service of the domain it is.
func domain(service string) string {
	name := service
	for strings.HasPrefix(name, "_") {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}
