// Package acme obtains certificates from a certification authority (CA), and renews them in time. See RFC 8555.
//
// Certmagic does most of the work: the storage, the time of renewal, renewal information (RFC 9773), and a lock that allows
// one order at a time for a name among all processes that share a storage. This package adds:
//
//   - a [Set] holds the certificates of one configuration. A handshake uses only this: a lookup and a pointer.
//   - a [Client] is an account with a CA. A new set takes over the client if it is unchanged, and with a domain
//     its work in progress.
//   - an issuer, in place of certmagic's own ACME client, which listens on ports of its own for challenges, counts orders in a
//     goroutine that never ends, and keeps an address from one configuration to the next. See issuer.
//
// OCSP is off: CAs are phasing it out, and renewal information reports revocations.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// Options are what a configuration says of an authority.
type Options struct {
	// Directory is its URL.
	Directory string
	// Email is the account's; "": none.
	Email string
	// Storage is a directory.
	Storage string
	// Roots are who may vouch for the directory's own certificate; nil: the system's.
	Roots *x509.CertPool
	// TLSALPN and HTTP are the challenges that can be answered. At least one.
	TLSALPN, HTTP bool
}

func (o Options) same(p Options) bool {
	roots := o.Roots == nil && p.Roots == nil || o.Roots != nil && p.Roots != nil && o.Roots.Equal(p.Roots)
	o.Roots, p.Roots = nil, nil
	return roots && o == p
}

// A Client is an account with an authority, and where its certificates are stored.
type Client struct {
	options    Options
	directory  *issuer
	issuer     certmagic.Issuer // the directory, but in tests
	storage    *storage
	challenges *challenges

	// Set by start.
	log    *slog.Logger
	magic  *certmagic.Config
	cache  *certmagic.Cache
	cancel context.CancelFunc
	ctx    context.Context // of all work
	work   sync.WaitGroup
}

// checkEvery is how long a certificate is left alone at most: its authority may want it renewed sooner than was said,
// and another process that shares the storage may have renewed it.
const checkEvery = 10 * time.Minute

// newClient returns a client that does nothing yet.
func newClient(o Options) *Client {
	c := &Client{options: o, storage: newStorage(o.Storage)}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	transport.ResponseHeaderTimeout = 30 * time.Second
	c.directory = &issuer{
		acme:    &acme.Client{Directory: o.Directory, UserAgent: "corsgate", HTTPClient: &http.Client{Transport: transport, Timeout: time.Minute}},
		email:   o.Email,
		storage: c.storage,
		orders:  make(chan struct{}, maxOrders),
	}
	c.issuer = c.directory
	c.challenges = &challenges{storage: c.storage, prefix: c.directory.tokens()}
	c.directory.solvers = c.challenges.solvers(o.TLSALPN, o.HTTP)
	return c
}

func (c *Client) start(log *slog.Logger) {
	c.log = log
	c.ctx, c.cancel = context.WithCancel(context.Background())
	quiet := zapLogger(log)
	c.directory.acme.Logger = slog.New(lowered{log.Handler()})
	c.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return c.magic, nil },
		// Nothing stays in the cache for it to look at; but certmagic calls a certificate due that would expire within five
		// times this, and some authorities give certificates for some minutes only.
		RenewCheckInterval: time.Minute,
		OCSPCheckInterval:  24 * time.Hour,
		Logger:             quiet,
	})
	c.magic = certmagic.New(c.cache, certmagic.Config{
		Issuers: []certmagic.Issuer{c.issuer},
		Storage: c.storage,
		OCSP:    certmagic.OCSPConfig{DisableStapling: true},
		Logger:  quiet,
	})
}

// stop tells all work to end. It must have been started.
func (c *Client) stop() { c.cancel() }

// wait returns when all work has ended, after stop.
func (c *Client) wait() {
	c.work.Wait()
	c.cache.Stop()
	c.directory.acme.HTTPClient.CloseIdleConnections()
}
