package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

// A Domain is a name, and its certificate once there is one. A goroutine of its own gets and renews it.
type Domain struct {
	// Name is in lower case.
	Name string

	client  *Client
	current atomic.Pointer[tls.Certificate] // nil: there is none
	missed  atomic.Bool                     // a client has asked for it in vain, and that was logged
	again   chan struct{}                   // has an element to be retried now
	cancel  context.CancelFunc

	mu       sync.Mutex
	failures int // in a row
	err      error
}

// newDomain returns a domain with the stored certificate, or that of the previous one, which may be
// nil, until there is another.
func newDomain(c *Client, name string, before *Domain) *Domain {
	d := &Domain{Name: name, client: c, again: make(chan struct{}, 1)}
	if pair, err := d.stored(); err == nil {
		d.current.Store(pair)
	} else if before != nil {
		d.current.Store(before.current.Load())
	}
	return d
}

// Leaf returns the certificate for clients, or nil if there is none yet.
func (d *Domain) Leaf() *x509.Certificate {
	if pair := d.current.Load(); pair != nil {
		return pair.Leaf
	}
	return nil
}

// Failures returns how many attempts have failed in a row, and what the last one failed for.
func (d *Domain) Failures() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failures, d.err
}

func (d *Domain) noteFailures(n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures, d.err = n, err
}

// start begins the work. The client must have been started.
func (d *Domain) start() {
	ctx, cancel := context.WithCancel(d.client.ctx)
	d.cancel = cancel
	d.client.work.Go(func() { defer cancel(); d.run(ctx) })
}

func (d *Domain) stop() { d.cancel() }

func (d *Domain) retry() {
	if n, _ := d.Failures(); n > 0 {
		select {
		case d.again <- struct{}{}:
		default: // it is about to
		}
	}
}

// miss logs, once until there is a certificate, that a client wants one.
func (d *Domain) miss() {
	if !d.missed.CompareAndSwap(false, true) {
		return
	}
	args := []any{"domain", d.Name}
	if _, err := d.Failures(); err != nil {
		args = append(args, "error", cause(err).Error())
	}
	d.client.log.Warn("there is no certificate yet: handshakes for this name fail", args...)
}

// run keeps the certificate until ctx is done.
func (d *Domain) run(ctx context.Context) {
	for failures, early := 0, 0; ; {
		err := d.attempt(ctx, failures == 0)
		if ctx.Err() != nil {
			return
		}
		var wait time.Duration
		if err == nil {
			failures, early = 0, 0
			wait = untilDue(d.Leaf(), time.Now())
		} else {
			failures++
			wait = backoff(failures)
		}
		d.noteFailures(failures, err) // before it is logged: who has read that finds it counted
		if err != nil {
			d.logFailure(err, failures, wait)
		}
		again := d.again
		if early == maxEarly {
			again = nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-again:
			timer.Stop()
			early++
		case <-timer.C:
			early = 0
		}
	}
}

// maxEarly bounds how often in a row an attempt is made early: an operator who reloads every minute
// must not exhaust the authority's rate limit.
const maxEarly = 5

func (d *Domain) logFailure(err error, failures int, wait time.Duration) {
	args := []any{"domain", d.Name, "directory", d.client.options.Directory, "error", cause(err).Error(), "attempt", failures,
		"retrying_in", wait.Round(time.Second).String()}
	if hint := hintFor(err); hint != "" {
		args = append(args, "hint", hint)
	}
	if leaf := d.Leaf(); leaf != nil {
		d.client.log.Error("certificate not renewed: the current one stays in use", append(args, "expires", leaf.NotAfter)...)
	} else {
		d.client.log.Error("no certificate obtained", args...)
	}
}

// attempt gets or renews the certificate if that is due, and takes over what is stored then. first tells that the last attempt
// did not fail.
func (d *Domain) attempt(ctx context.Context, first bool) error {
	c := d.client
	pair, err := d.stored()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		if err := d.discard(ctx); err != nil {
			return err
		}
	}
	if pair != nil && first {
		ctx = context.WithValue(ctx, replacesKey{}, pair.Leaf)
	}
	// certmagic looks only at what it does not have in its cache yet. Its cache is of no other use here.
	forget := []certmagic.SubjectIssuer{{Subject: d.Name}}
	c.cache.RemoveManaged(forget)
	failed := c.magic.ManageSync(ctx, []string{d.Name})
	c.cache.RemoveManaged(forget)
	// Even if that has failed: another process may have been luckier.
	if pair, err = d.stored(); err == nil {
		d.show(pair)
	}
	if failed != nil {
		return failed
	}
	return err
}

// show has clients shown another certificate from now on.
func (d *Domain) show(pair *tls.Certificate) {
	old := d.current.Load()
	if old != nil && old.Leaf.Equal(pair.Leaf) {
		return
	}
	d.current.Store(pair)
	d.missed.Store(false)
	what := "certificate obtained"
	if old != nil {
		what = "certificate renewed"
	}
	d.client.log.Info(what, "domain", d.Name, "directory", d.client.options.Directory, "expires", pair.Leaf.NotAfter)
}

// stored returns the certificate that is stored. If it does not exist, the error is fs.ErrNotExist.
func (d *Domain) stored() (*tls.Certificate, error) {
	s, issuer := d.client.storage, d.client.issuer.IssuerKey()
	cert, err := s.Load(context.Background(), certmagic.StorageKeys.SiteCert(issuer, d.Name))
	if err != nil {
		return nil, err
	}
	key, err := s.Load(context.Background(), certmagic.StorageKeys.SitePrivateKey(issuer, d.Name))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, &unusableError{s.Filename(certmagic.StorageKeys.SiteCert(issuer, d.Name)), err}
	}
	return &pair, nil
}

// An unusableError says that the stored files are not a certificate with its key.
type unusableError struct {
	file string
	err  error
}

func (e *unusableError) Error() string {
	return e.file + " and its key cannot be used: " + e.err.Error()
}

// discard removes what is stored of a certificate, if that cannot be used: certmagic would never
// replace it. It takes the lock under which certificates are stored, so that it does not find one
// half stored.
func (d *Domain) discard(ctx context.Context) error {
	s, issuer := d.client.storage, d.client.issuer.IssuerKey()
	lock := "issue_cert_" + d.Name
	if err := s.Lock(ctx, lock); err != nil {
		return err
	}
	defer s.Unlock(ctx, lock) // it is ours
	_, err := d.stored()
	var unusable *unusableError
	if !errors.As(err, &unusable) {
		return err // nil: it has become whole
	}
	d.client.log.Warn("stored certificate discarded", "domain", d.Name, "error", err.Error())
	return s.Delete(ctx, certmagic.StorageKeys.CertsSitePrefix(issuer, d.Name))
}

// untilDue returns how long a certificate can be left alone.
func untilDue(leaf *x509.Certificate, now time.Time) time.Duration {
	due := leaf.NotAfter.Add(-time.Duration(certmagic.DefaultRenewalWindowRatio * float64(leaf.NotAfter.Sub(leaf.NotBefore))))
	return min(max(due.Sub(now), time.Second), checkEvery)
}

// Bounds of the wait after a failure.
const (
	firstRetry = time.Minute
	maxRetry   = time.Hour
)

// backoff returns how long to wait after so many failures in a row: twice as long each time, give or take a tenth, so that not
// all domains, nor all gateways, come back together.
func backoff(failures int) time.Duration {
	wait := maxRetry
	if failures < 8 {
		wait = min(firstRetry<<(failures-1), maxRetry)
	}
	return wait*9/10 + rand.N(wait/5)
}
