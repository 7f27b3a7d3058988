// Package acmetest is an ACME CA for tests: pebble, on loopback, with a name server. Pebble is a separate process, built from
// gateway/internal/doubles. Requests reach it through the test's process, which terminates TLS and can inject failures.
package acmetest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/internal/dnstest"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// An Authority gives certificates for the names that its name server knows. Its methods are safe for concurrent use.
type Authority struct {
	// Directory is the URL of its directory.
	Directory string
	// RootFile is a PEM file of who vouches for the directory's own certificate.
	RootFile string

	t       testing.TB
	address string
	own     tls.Certificate
	dns     *dnstest.Server
	pebble  process
	front   *httputil.ReverseProxy // to pebble
	server  *http.Server

	intercept atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]

	accounts, orders atomic.Int64
}

// Start runs an authority until the test ends. Its certificates are valid for the given time, in seconds. It cannot see
// whether a name is ours before Looks.
func Start(t testing.TB, validity time.Duration, names ...string) *Authority {
	t.Helper()
	a := &Authority{t: t, dns: dnstest.Start(t)}
	var zone []string
	for _, name := range names {
		zone = append(zone, name+". 60 IN A 127.0.0.1")
	}
	a.dns.Set(zone...)
	root := pkitest.NewAuthority(t, "who vouches for the directory")
	a.own = root.Issue(t, "127.0.0.1").TLS(t)
	a.RootFile = filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(a.RootFile, root.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	a.pebble = startPebble(t, a.dns.Address, strconv.Itoa(int(validity/time.Second)))
	a.front = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", a.pebble.address
			r.Out.Header.Set("X-Forwarded-Proto", "https") // pebble makes URLs from it and from Host
		},
		Transport: &http.Transport{DisableKeepAlives: true},
		ErrorLog:  quiet(),
	}
	a.Up()
	a.Directory = "https://" + a.address + "/dir"
	t.Cleanup(a.Down)
	return a
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// Looks has the authority look at these addresses of loopback, at the first for HTTP-01, at the second for TLS-ALPN-01.
func (a *Authority) Looks(http01, tlsALPN01 string) {
	a.t.Helper()
	a.pebble.Tell(fmt.Sprint(port(a.t, http01), " ", port(a.t, tlsALPN01)))
}

func port(t testing.TB, address string) int {
	t.Helper()
	if address == "" {
		return 1 // no server answers
	}
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Roots returns who vouches for the certificates that the authority gives.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.pebble.root)
	return pool
}

// Accounts and Orders return how many the authority was asked to make.
func (a *Authority) Accounts() int { return int(a.accounts.Load()) }

// Orders is beside Accounts.
func (a *Authority) Orders() int { return int(a.orders.Load()) }

// Break has h answer all requests; nil: the authority itself again.
func (a *Authority) Break(h http.HandlerFunc) {
	if h == nil {
		a.Intercept(nil)
		return
	}
	a.Intercept(func(w http.ResponseWriter, r *http.Request) bool { h(w, r); return true })
}

// Intercept has f called for each request. If it reports true it has answered.
func (a *Authority) Intercept(f func(http.ResponseWriter, *http.Request) bool) { a.intercept.Store(&f) }

// Down has the authority refuse connections.
func (a *Authority) Down() { a.server.Close() } // it listens no more

// Up has it accept them, at the same address as before.
func (a *Authority) Up() {
	a.t.Helper()
	address := a.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.address = ln.Addr().String()
	a.server = &http.Server{Handler: a, ErrorLog: quiet(), TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.own}}}
	server := a.server
	go func() {
		if err := server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
			a.t.Errorf("directory: %v", err)
		}
	}()
}

// ServeHTTP is part of http.Handler.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f := a.intercept.Load(); f != nil && *f != nil && (*f)(w, r) {
		return
	}
	switch r.URL.Path {
	case "/sign-me-up":
		a.accounts.Add(1)
	case "/order-plz":
		a.orders.Add(1)
	}
	a.front.ServeHTTP(w, r)
}
