package acme_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/acme"
	"github.com/corsgate/corsgate/gateway/acmetest"
)

const name = "api.acme.test"

// site is what an authority looks at: a server that answers challenges of the set in force.
type site struct {
	set         atomic.Pointer[acme.Set]
	http, https string
}

func newSite(t *testing.T) *site {
	s := &site{}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.Host)
		token := strings.TrimPrefix(r.URL.Path, "/.well-known/acme-challenge/")
		if s.set.Load().KeyAuthorization(host, token+"x") != "" || s.set.Load().KeyAuthorization("x"+host, token) != "" {
			t.Error("another token, or another name, is answered")
		}
		if answer := s.set.Load().KeyAuthorization(strings.ToUpper(host), token); answer != "" {
			io.WriteString(w, answer)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	secure.TLS = &tls.Config{
		NextProtos: []string{"acme-tls/1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := s.set.Load().Challenge(hello.ServerName); c != nil {
				return c, nil
			}
			return nil, errors.New("no challenge")
		},
	}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	s.http, s.https = plain.Listener.Addr().String(), secure.Listener.Addr().String()
	return s
}

func roots(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// use makes set the one in force until the test ends.
func (s *site) use(t *testing.T, set *acme.Set, log *slog.Logger) {
	t.Helper()
	wait := acme.Exchange(s.set.Load(), set, log)
	s.set.Store(set)
	wait()
}

func (s *site) end(t *testing.T) { s.use(t, nil, nil) }

func options(t *testing.T, a *acmetest.Authority) acme.Options {
	return acme.Options{Directory: a.Directory, Email: "ops@acme.test", Storage: filepath.Join(t.TempDir(), "made", "acme"),
		Roots: roots(t, a.RootFile), TLSALPN: true, HTTP: true}
}

func leaf(s *acme.Set, name string) *x509.Certificate {
	for _, d := range s.Domains() {
		if d.Name == name {
			return d.Leaf()
		}
	}
	return nil
}

func obtained(t *testing.T, s *acme.Set, name string) *x509.Certificate {
	t.Helper()
	until(t, "there is a certificate", func() bool { return leaf(s, name) != nil })
	return leaf(s, name)
}

// TestObtain: by either challenge; what is stored is used again, whatever the directory does.
func TestObtain(t *testing.T) {
	for _, kind := range []string{"TLS-ALPN-01", "HTTP-01"} {
		t.Run(kind, func(t *testing.T) {
			a, s, said := acmetest.Start(t, 90*24*time.Hour, name, "www.acme.test"), newSite(t), new(acmetest.Journal)
			a.Looks(s.http, s.https)
			o := options(t, a)
			o.TLSALPN, o.HTTP = kind == "TLS-ALPN-01", kind == "HTTP-01"
			set := acme.NewSet(o, []string{name, "www.acme.test"}, nil)
			if c, known := set.Certificate("other.acme.test"); c != nil || known {
				t.Errorf("%v, %t, of a name that is not the set's", c, known)
			}
			s.use(t, set, said.Log(slog.LevelInfo))
			for _, name := range []string{name, "www.acme.test"} {
				c := obtained(t, set, name)
				if _, err := c.Verify(x509.VerifyOptions{DNSName: name, Roots: a.Roots(), Intermediates: chain(set, name)}); err != nil {
					t.Error(err)
				}
			}
			s.end(t)
			if a.Accounts() != 1 || a.Orders() != 2 {
				t.Errorf("%d accounts and %d orders, want 1 and 2\n%s", a.Accounts(), a.Orders(), said)
			}
			if out := said.String(); strings.Count(out, "certificate obtained") != 2 || strings.Contains(out, "level=ERROR") {
				t.Errorf("log:\n%s", out)
			}

			a.Down()
			again := acme.NewSet(o, []string{name}, nil)
			if c := leaf(again, name); c == nil || !c.Equal(leaf(set, name)) {
				t.Errorf("%v, want what is stored", c)
			}
			if c, known := again.Certificate(name); c == nil || !known || c != again.First() {
				t.Errorf("%v, %t", c, known)
			}
			err := filepath.WalkDir(o.Storage, func(path string, d os.DirEntry, err error) error {
				if err != nil {
					return err
				}
				if info, err := d.Info(); err != nil || info.Mode()&0o077 != 0 {
					t.Errorf("%s: %v, %v: others may look", path, info.Mode(), err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func chain(s *acme.Set, name string) *x509.CertPool {
	pool := x509.NewCertPool()
	pair, _ := s.Certificate(name)
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			pool.AddCert(c)
		}
	}
	return pool
}

// TestRenew: a certificate that ends soon is replaced in time, under the same account; and so it is after a restart.
func TestRenew(t *testing.T) {
	a, s, said := acmetest.Start(t, 6*time.Second, name), newSite(t), new(acmetest.Journal)
	a.Looks(s.http, s.https)
	o := options(t, a)
	set := acme.NewSet(o, []string{name}, nil)
	s.use(t, set, said.Log(slog.LevelInfo))
	first := obtained(t, set, name)
	until(t, "it is renewed", func() bool { return !leaf(set, name).Equal(first) })
	s.end(t)
	set = acme.NewSet(o, []string{name}, nil)
	stored := leaf(set, name)
	s.use(t, set, said.Log(slog.LevelInfo))
	until(t, "it is renewed after a restart", func() bool { return !leaf(set, name).Equal(stored) })
	s.end(t)
	if out := said.String(); a.Accounts() != 1 || strings.Count(out, "certificate renewed") < 2 || strings.Contains(out, "level=ERROR") {
		t.Errorf("%d accounts; log:\n%s", a.Accounts(), out)
	}
}

// TestAnsweredByAnother: an authority may come to another process that shares the storage.
func TestAnsweredByAnother(t *testing.T) {
	for _, kind := range []string{"TLS-ALPN-01", "HTTP-01"} {
		a, s := acmetest.Start(t, 90*24*time.Hour, name), newSite(t)
		a.Looks(s.http, s.https)
		o := options(t, a)
		o.TLSALPN, o.HTTP = kind == "TLS-ALPN-01", kind == "HTTP-01"
		s.set.Store(acme.NewSet(o, []string{name}, nil))
		set := acme.NewSet(o, []string{name}, nil)
		acme.Exchange(nil, set, slog.New(slog.DiscardHandler))
		obtained(t, set, name)
		acme.Exchange(set, nil, nil)()
		if entries, err := filepath.Glob(filepath.Join(o.Storage, "acme", "*", "challenge_tokens", "*")); err != nil || len(entries) > 0 {
			t.Errorf("%s: %v is left, %v", kind, entries, err)
		}
	}
}

// TestReload: what stays goes on undisturbed, what comes is got, what leaves is left alone, and another account or directory
// does not take certificates away.
func TestReload(t *testing.T) {
	a, s, said := acmetest.Start(t, 90*24*time.Hour, name, "www.acme.test"), newSite(t), new(acmetest.Journal)
	a.Looks(s.http, s.https)
	o, log := options(t, a), said.Log(slog.LevelInfo)
	set := acme.NewSet(o, []string{name}, nil)
	s.use(t, set, log)
	first := obtained(t, set, name)

	set = acme.NewSet(o, []string{"www.acme.test", name}, s.set.Load())
	s.use(t, set, log)
	obtained(t, set, "www.acme.test")
	set = acme.NewSet(o, []string{name}, s.set.Load())
	s.use(t, set, log)
	if c, known := set.Certificate("www.acme.test"); c != nil || known {
		t.Error("a name that has left is still known")
	}
	if !leaf(set, name).Equal(first) || a.Accounts() != 1 || a.Orders() != 2 {
		t.Errorf("%d accounts and %d orders, want 1 and 2", a.Accounts(), a.Orders())
	}

	o.Email = "other@acme.test"
	set = acme.NewSet(o, []string{name}, s.set.Load())
	s.use(t, set, log)
	other := acmetest.Start(t, 90*24*time.Hour, name)
	o.Directory, o.Roots = other.Directory, roots(t, other.RootFile)
	set = acme.NewSet(o, []string{name}, s.set.Load())
	s.use(t, set, log) // it is not ready yet
	if c := leaf(set, name); !c.Equal(first) {
		t.Errorf("another directory: %v is shown meanwhile", c)
	}
	until(t, "an attempt fails", func() bool { n, _ := set.Domains()[0].Failures(); return n > 0 })
	other.Looks(s.http, s.https)
	set.Retry()
	until(t, "the other directory's is shown", func() bool { return !leaf(set, name).Equal(first) })
	s.end(t)
	if a.Accounts() != 1 || a.Orders() != 2 || other.Accounts() != 1 || other.Orders() != 1 {
		t.Errorf("%d accounts and %d orders, then %d and %d; log:\n%s", a.Accounts(), a.Orders(), other.Accounts(), other.Orders(), said)
	}
}

// TestTrouble: whatever goes wrong, the log says so once, with what to do about it, and when it is repaired all is well.
func TestTrouble(t *testing.T) {
	f := func(what string, prepare, repair func(a *acmetest.Authority, s *site, o *acme.Options), wants ...string) {
		t.Run(what, func(t *testing.T) {
			a, s, said := acmetest.Start(t, 90*24*time.Hour, name), newSite(t), new(acmetest.Journal)
			a.Looks(s.http, s.https)
			o := options(t, a)
			prepare(a, s, &o)
			set := acme.NewSet(o, []string{name}, nil)
			s.use(t, set, said.Log(slog.LevelInfo))
			defer s.end(t)
			until(t, "the attempt fails", func() bool { n, err := set.Domains()[0].Failures(); return n == 1 && err != nil })
			for range 3 {
				if c, known := set.Certificate(name); c != nil || !known {
					t.Errorf("%v, %t", c, known)
				}
			}
			out := said.String()
			for _, want := range append(wants, "no certificate obtained", "domain="+name, "retrying_in=", "hint=") {
				if !strings.Contains(out, want) {
					t.Errorf("the log does not say %q:\n%s", want, out)
				}
			}
			if n := strings.Count(out, "there is no certificate yet"); n != 1 || strings.Count(out, "\n") != 2 {
				t.Errorf("a name without a certificate is logged %d times:\n%s", n, out)
			}
			repair(a, s, &o)
			set = acme.NewSet(o, []string{name}, set)
			s.use(t, set, said.Log(slog.LevelInfo))
			set.Retry()
			obtained(t, set, name)
			until(t, "that counts", func() bool { n, err := set.Domains()[0].Failures(); return n == 0 && err == nil })
			t.Log(out)
		})
	}
	broken := func(status int, kind, text string) func(a *acmetest.Authority, _ *site, _ *acme.Options) {
		return func(a *acmetest.Authority, _ *site, _ *acme.Options) {
			a.Break(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kind)
				w.WriteHeader(status)
				io.WriteString(w, text)
			})
		}
	}
	mend := func(a *acmetest.Authority, _ *site, _ *acme.Options) { a.Break(nil) }
	f("down", func(a *acmetest.Authority, _ *site, _ *acme.Options) { a.Down() },
		func(a *acmetest.Authority, _ *site, _ *acme.Options) { a.Up() },
		"connection refused", "the directory cannot be reached")
	f("500", broken(500, "text/plain", "out of order"), mend, "out of order", "tries again later")
	f("problem", broken(403, "application/problem+json", `{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "not so fast"}`), mend,
		"not so fast", "less often")
	f("HTML", broken(200, "text/html", "<p>welcome"), mend, "this is not an answer of an ACME directory")
	f("garbage", broken(200, "application/json", "\x00{{"), mend, "this is not an answer of an ACME directory")
	f("empty", broken(200, "application/json", "{}"), mend, "this is not an answer of an ACME directory")
	f("no trust", func(_ *acmetest.Authority, _ *site, o *acme.Options) { o.Roots = x509.NewCertPool() },
		func(a *acmetest.Authority, _ *site, o *acme.Options) { o.Roots = roots(t, a.RootFile) },
		"certificate signed by unknown authority", "tls.acme.root_ca")
	f("unseen", func(a *acmetest.Authority, _ *site, _ *acme.Options) { a.Looks("", "") },
		func(a *acmetest.Authority, s *site, _ *acme.Options) { a.Looks(s.http, s.https) },
		"the authority must reach this gateway at port 443")
	f("another's", func(a *acmetest.Authority, s *site, _ *acme.Options) { a.Looks(s.https, s.http) },
		func(a *acmetest.Authority, s *site, _ *acme.Options) { a.Looks(s.http, s.https) },
		"the authority must reach this gateway at port 443")
	f("storage", func(a *acmetest.Authority, _ *site, o *acme.Options) { o.Storage = filepath.Join(a.RootFile, "acme") },
		func(_ *acmetest.Authority, _ *site, o *acme.Options) { o.Storage = t.TempDir() },
		"not a directory", "write to tls.acme.storage")
}
