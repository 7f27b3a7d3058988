package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// maxOrders bounds how many orders are under way at once. Authorities bound them, too.
const maxOrders = 4

// An issuer is certmagic's view of an authority: it makes certificates of signing requests. What it stores is where
// certmagic's own would.
type issuer struct {
	acme    *acme.Client
	email   string
	storage *storage
	solvers map[string]acmez.Solver
	orders  chan struct{} // has an element for each order that is under way
}

// IssuerKey is part of certmagic.Issuer: the directory as one component of a path.
func (i *issuer) IssuerKey() string {
	u, err := url.Parse(i.acme.Directory)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return strings.Trim(u.Host+"-"+strings.Trim(strings.ReplaceAll(u.Path, "/", "-"), "-"), "-")
}

// GetRenewalInfo is part of certmagic.RenewalInfoGetter.
func (i *issuer) GetRenewalInfo(ctx context.Context, c certmagic.Certificate) (acme.RenewalInfo, error) {
	return i.acme.GetRenewalInfo(ctx, c.Leaf)
}

// replacesKey is the key, in the context of an order, of the certificate that is to be replaced. An authority bounds such
// orders less strictly; but it refuses them if it knows the certificate from another account. See RFC 9773, section 5.
type replacesKey struct{}

// Issue is part of certmagic.Issuer.
func (i *issuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	select {
	case i.orders <- struct{}{}:
		defer func() { <-i.orders }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	chains, err := i.order(ctx, csr)
	var problem acme.Problem
	if errors.As(err, &problem) && problem.Type == acme.ProblemTypeAccountDoesNotExist {
		// It has forgotten us.
		if err := i.storage.Delete(ctx, i.account()); err != nil {
			return nil, err
		}
		chains, err = i.order(ctx, csr)
	}
	if err == nil && len(chains) == 0 {
		err = errors.New("the authority has sent no certificate")
	}
	if err != nil {
		return nil, &orderError{err}
	}
	return &certmagic.IssuedCertificate{Certificate: chains[0].ChainPEM, Metadata: chains[0]}, nil
}

// An orderError is why an order has come to nothing.
type orderError struct{ err error }

func (e *orderError) Error() string { return e.err.Error() }
func (e *orderError) Unwrap() error { return e.err }

func (i *issuer) order(ctx context.Context, csr *x509.CertificateRequest) ([]acme.Certificate, error) {
	account, err := i.register(ctx)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	parameters, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return nil, err
	}
	parameters.Replaces, _ = ctx.Value(replacesKey{}).(*x509.Certificate)
	client := acmez.Client{Client: i.acme, ChallengeSolvers: i.solvers}
	return client.ObtainCertificate(ctx, parameters)
}

// account returns where the account is stored.
func (i *issuer) account() string {
	name := i.email
	if name == "" {
		name = "default"
	}
	return path.Join(i.folder(), "users", certmagic.StorageKeys.Safe(name))
}

// tokens returns where challenges are stored that are to be answered.
func (i *issuer) tokens() string { return path.Join(i.folder(), "challenge_tokens") }

func (i *issuer) folder() string { return path.Join("acme", certmagic.StorageKeys.Safe(i.IssuerKey())) }

// register returns the account, which it creates if necessary.
func (i *issuer) register(ctx context.Context) (acme.Account, error) {
	if account, err := i.known(ctx); !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	const lock = "register"
	if err := i.storage.Lock(ctx, lock); err != nil {
		return acme.Account{}, err
	}
	defer i.storage.Unlock(ctx, lock) // it is ours
	if account, err := i.known(ctx); !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return acme.Account{}, err
	}
	account := acme.Account{PrivateKey: key, TermsOfServiceAgreed: true}
	if i.email != "" {
		account.Contact = []string{"mailto:" + i.email}
	}
	if account, err = i.acme.NewAccount(ctx, account); err != nil {
		return acme.Account{}, err
	}
	text, err := json.MarshalIndent(account, "", "\t")
	if err != nil {
		return acme.Account{}, err
	}
	pem, err := certmagic.PEMEncodePrivateKey(key)
	if err != nil {
		return acme.Account{}, err
	}
	// The key first: an account without a key is of no use.
	if err := i.storage.Store(ctx, i.accountKey(), pem); err != nil {
		return acme.Account{}, err
	}
	return account, i.storage.Store(ctx, i.accountFile(), text)
}

func (i *issuer) accountKey() string  { return i.accountPart("key") }
func (i *issuer) accountFile() string { return i.accountPart("json") }

// accountPart returns a file of the account, which is called by what stands before the @.
func (i *issuer) accountPart(kind string) string {
	name, _, _ := strings.Cut(path.Base(i.account()), "@")
	return path.Join(i.account(), name+"."+kind)
}

// known returns the account that is stored. If it does not exist, the error is fs.ErrNotExist.
func (i *issuer) known(ctx context.Context) (account acme.Account, err error) {
	text, err := i.storage.Load(ctx, i.accountFile())
	if err != nil {
		return account, err
	}
	pem, err := i.storage.Load(ctx, i.accountKey())
	if err != nil {
		return account, err
	}
	err = json.Unmarshal(text, &account)
	if err == nil {
		account.PrivateKey, err = certmagic.PEMDecodePrivateKey(pem)
	}
	if err != nil {
		return account, fmt.Errorf("%s cannot be used: %w", i.storage.Filename(i.account()), err)
	}
	return account, nil
}
