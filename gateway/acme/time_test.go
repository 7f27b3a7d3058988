package acme_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/acme"
	"github.com/corsgate/corsgate/gateway/acmetest"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// signer is an authority whose time is that of the test.
type signer struct {
	*pkitest.Authority
	t        *testing.T
	validity time.Duration

	mu    sync.Mutex
	fails error
	asked []time.Time
}

// asks returns when the authority was asked, since the n-th time.
func (s *signer) asks(n int) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked[n:])
}

func (s *signer) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = err
}

func (s *signer) sign(_ context.Context, csr *x509.CertificateRequest) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, time.Now())
	if s.fails != nil {
		return nil, s.fails
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Sign(s.t, csr, time.Now(), time.Now().Add(s.validity))}), nil
}

// inTime runs f in a bubble with a set for name, which is kept until f returns.
func inTime(t *testing.T, validity time.Duration, f func(s *signer, set *acme.Set, storage string, said *acmetest.Journal)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // the files' times are of today, and must not lie ahead
		s := &signer{Authority: pkitest.NewAuthority(t, "signer"), t: t, validity: validity}
		set := acme.NewSignedSet(acme.Options{Directory: "https://signer.test", Storage: dir, HTTP: true}, []string{name}, s.sign)
		said := new(acmetest.Journal)
		wait := acme.Exchange(nil, set, said.Log(slog.LevelInfo))
		synctest.Wait()
		f(s, set, dir, said)
		acme.Exchange(set, nil, nil)()
		wait()
	})
}

// TestSeasons: a certificate of 9 days is renewed each 6, to the hour.
func TestSeasons(t *testing.T) {
	inTime(t, 9*24*time.Hour, func(s *signer, set *acme.Set, _ string, _ *acmetest.Journal) {
		for range 13 * 24 {
			if left := time.Until(leaf(set, name).NotAfter); left < 71*time.Hour {
				t.Fatalf("%v left", left)
			}
			time.Sleep(time.Hour)
		}
		if n := len(s.asks(0)); n != 3 {
			t.Errorf("%d orders", n)
		}
	})
}

// TestShortLived: certificates of some minutes are renewed in time, too.
func TestShortLived(t *testing.T) {
	inTime(t, 9*time.Minute, func(s *signer, set *acme.Set, _ string, _ *acmetest.Journal) {
		for range 3 * 60 {
			if left := time.Until(leaf(set, name).NotAfter); left < time.Minute {
				t.Fatalf("%v left", left)
			}
			time.Sleep(time.Minute)
		}
		if n := len(s.asks(0)); n < 3*60/9 || n > 3*60/3 {
			t.Errorf("%d orders in three hours", n)
		}
	})
}

// TestOutage: an authority that fails for days is asked less and less often, and the certificate is renewed when it works again.
func TestOutage(t *testing.T) {
	inTime(t, 30*24*time.Hour, func(s *signer, set *acme.Set, _ string, said *acmetest.Journal) {
		time.Sleep(19 * 24 * time.Hour)
		first, before := leaf(set, name), len(s.asks(0))
		s.fail(errors.New("out of order"))
		time.Sleep(4 * 24 * time.Hour)
		synctest.Wait()
		if leaf(set, name) != first {
			t.Error("another certificate is shown")
		}
		asked := s.asks(before)
		if n := len(asked); n < 65 || n > 90 {
			t.Errorf("asked %d times in three days, want some more than each hour", n)
		}
		for i, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			got, want := asked[i+1].Sub(asked[i]), wait*time.Minute
			if got < want*9/10 || got > want*11/10 {
				t.Errorf("wait %d: %v, want about %v", i, got, want)
			}
		}
		if n, err := set.Domains()[0].Failures(); n != len(asked) || err == nil {
			t.Errorf("%d failures, %v", n, err)
		}
		if n := strings.Count(said.String(), "certificate not renewed"); n != len(asked) {
			t.Errorf("%d failures are logged, of %d", n, len(asked))
		}
		s.fail(nil)
		time.Sleep(2 * time.Hour)
		if n, err := set.Domains()[0].Failures(); n != 0 || err != nil || leaf(set, name) == first {
			t.Errorf("not recovered: %d, %v", n, err)
		}
	})
}

// TestRetry: whoever asks for it gets another attempt at once; but not for ever.
func TestRetry(t *testing.T) {
	inTime(t, 9*24*time.Hour, func(s *signer, set *acme.Set, _ string, _ *acmetest.Journal) {
		set.Retry() // nothing has failed
		synctest.Wait()
		if n := len(s.asks(0)); n != 1 {
			t.Fatalf("asked %d times", n)
		}
		s.fail(errors.New("out of order"))
		time.Sleep(7 * 24 * time.Hour)
		synctest.Wait()
		before := len(s.asks(0))
		for range 100 {
			set.Retry()
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if n := len(s.asks(before)); n < 5 || n > 7 {
			t.Errorf("asked %d times in 100 seconds", n)
		}
	})
}

// TestDamaged: what is stored and cannot be used is replaced, and shown until then as it was.
func TestDamaged(t *testing.T) {
	for _, damage := range []string{"certificate", "key", "no key", "empty", "another's"} {
		inTime(t, 90*24*time.Hour, func(s *signer, set *acme.Set, dir string, said *acmetest.Journal) {
			first := leaf(set, name)
			base := filepath.Join(dir, "certificates", "signer", name, name)
			var err error
			switch damage {
			case "certificate":
				err = os.WriteFile(base+".crt", []byte("garbage"), 0o600)
			case "key":
				err = os.WriteFile(base+".key", []byte("garbage"), 0o600)
			case "no key":
				err = os.Remove(base + ".key")
			case "empty":
				err = errors.Join(os.Truncate(base+".key", 0), os.Truncate(base+".crt", 0))
			case "another's":
				err = os.WriteFile(base+".key", s.Issue(t, name).Key, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Minute)
			synctest.Wait()
			if leaf(set, name) == nil || leaf(set, name) == first || len(s.asks(0)) != 2 {
				t.Errorf("%s: %d orders\n%s", damage, len(s.asks(0)), said)
			}
			if n, err := set.Domains()[0].Failures(); n != 0 {
				t.Errorf("%s: %v", damage, err)
			}
		})
	}
}

// TestRenewedByAnother: what another process has stored is taken over within minutes, without an order.
func TestRenewedByAnother(t *testing.T) {
	inTime(t, 90*24*time.Hour, func(s *signer, set *acme.Set, dir string, _ *acmetest.Journal) {
		pair := s.IssueUntil(t, time.Now().AddDate(1, 0, 0), name)
		base := filepath.Join(dir, "certificates", "signer", name, name)
		pkitest.Replace(t, base+".crt", pair.Cert)
		pkitest.Replace(t, base+".key", pair.Key)
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if !leaf(set, name).Equal(pair.Leaf) || len(s.asks(0)) != 1 {
			t.Errorf("%v is shown after %d orders", leaf(set, name).SerialNumber, len(s.asks(0)))
		}
	})
}

// TestLock: of all who share a storage one at a time has a lock; and whoever waits can be told to stop.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := acme.Lock(t.Context(), dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := acme.Lock(t.Context(), dir, "b"); err != nil || other() != nil {
		t.Error("another lock is the same", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := acme.Lock(ctx, dir, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want to have waited", err)
	}
	got := make(chan error, 1)
	go func() {
		unlock, err := acme.Lock(t.Context(), dir, "a")
		if err == nil {
			err = unlock()
		}
		got <- err
	}()
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if err := unlock(); err == nil {
		t.Error("unlocked twice")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var path *fs.PathError
	if _, err := acme.Lock(t.Context(), file, "a"); !errors.As(err, &path) {
		t.Errorf("%v, want one that names the path", err)
	}
}

// TestLog: what the libraries log is of level debug, in the gateway's own format, and costs nothing at others.
func TestLog(t *testing.T) {
	quiet, loud := new(acmetest.Journal), new(acmetest.Journal)
	acme.ZapLogger(quiet.Log(slog.LevelInfo)).Error("an error")
	z := acme.ZapLogger(loud.Log(slog.LevelDebug)).Named("magic").Sugar().With("domain", name)
	z.Errorw("an error", "cause", fmt.Errorf("why"), "list", []string{"a", "b"})
	if quiet.String() != "" {
		t.Errorf("%q", quiet)
	}
	want := `level=DEBUG msg="an error" domain=` + name + ` severity=ERROR by=magic cause=why list="[a b]"`
	if out := loud.String(); !strings.Contains(out, want) {
		t.Errorf("%q, want %q", out, want)
	}
}
