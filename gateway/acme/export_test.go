package acme

import (
	"context"
	"crypto/x509"
	"log/slog"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// A Signer makes certificates of signing requests, in PEM, in the place of a directory.
type Signer func(context.Context, *x509.CertificateRequest) ([]byte, error)

// Issue is part of certmagic.Issuer.
func (f Signer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	chain, err := f(ctx, csr)
	if err != nil {
		return nil, &orderError{err}
	}
	return &certmagic.IssuedCertificate{Certificate: chain}, nil
}

// IssuerKey is part of certmagic.Issuer.
func (f Signer) IssuerKey() string { return "signer" }

// NewSignedSet is NewSet with f in the place of a directory.
func NewSignedSet(o Options, names []string, f Signer) *Set {
	s := NewSet(o, nil, nil)
	s.client.issuer = f
	for _, name := range names {
		d := newDomain(s.client, name, nil)
		s.domains = append(s.domains, d)
		s.byName[name] = d
	}
	return s
}

// ZapLogger, HintFor and Backoff are for tests.
func ZapLogger(log *slog.Logger) *zap.Logger { return zapLogger(log) }

var (
	HintFor = hintFor
	Backoff = backoff
)

// Lock takes a lock of a storage of its own.
func Lock(ctx context.Context, dir, name string) (unlock func() error, err error) {
	s := newStorage(dir)
	if err := s.Lock(ctx, name); err != nil {
		return nil, err
	}
	return func() error { return s.Unlock(ctx, name) }, nil
}
