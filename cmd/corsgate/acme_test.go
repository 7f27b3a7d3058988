//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/report"
	"github.com/corsgate/corsgate/gateway/acmetest"
)

// certifying is a configuration with ACME. Its listeners are http, https and admin.
func certifying(a *acmetest.Authority, storage, domains string) string {
	return fmt.Sprintf(`[listener.http]
address = "127.0.0.1:0"
redirect_https = true
[listener.https]
address = "127.0.0.1:0"
tls = true
[tls.acme]
directory = %q
root_ca = %q
storage = %q
domains = [%s]
[admin]
address = "127.0.0.1:0"
[route.all]
respond = { body = "here" }
`, a.Directory, a.RootFile, storage, domains)
}

// listensSecurely waits until c listens, and returns where for TLS.
func (c *child) listensSecurely() string {
	c.t.Helper()
	c.gateway = "http://" + c.await("listening").Address
	https := c.await("listening").Address
	c.admin = "http://" + c.await("listening").Address
	return https
}

// shownBy returns the certificate that is shown for a name.
func shownBy(t *testing.T, address, name string, roots *x509.CertPool) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// TestServeACME: a process gets a certificate, is killed, and its successor shows it although nobody can be asked.
func TestServeACME(t *testing.T) {
	const name = "api.acme.test"
	a, storage := acmetest.Start(t, 90*24*time.Hour, name, "www.acme.test"), t.TempDir()
	path := write(t, certifying(a, storage, `"`+name+`"`))
	c := begin(t, path)
	https := c.listensSecurely()
	c.await("no certificate obtained") // the authority is not ready
	c.want("GET", c.admin+"/metrics", 200, `corsgate_acme_failures{name="`+name+`"} 1`)
	a.Looks(strings.TrimPrefix(c.gateway, "http://"), https)
	c.signal(syscall.SIGHUP)
	c.await("certificate obtained")
	first := shownBy(t, https, name, a.Roots())
	c.want("GET", c.admin+"/metrics", 200, `corsgate_certificate_expiry_seconds{name="`+name+`"} 7.77`)
	c.want("GET", c.admin+"/metrics", 200, `corsgate_acme_failures{name="`+name+`"} 0`)
	c.want("GET", c.admin+"/config", 200, `"storage": "`+storage+`"`)
	c.signal(syscall.SIGKILL)
	c.ends(-1)

	a.Down()
	c = begin(t, path)
	https = c.listensSecurely()
	if !shownBy(t, https, name, a.Roots()).Equal(first) {
		t.Error("another certificate is shown")
	}
	a.Up()
	a.Looks(strings.TrimPrefix(c.gateway, "http://"), https)
	rewrite(t, path, certifying(a, storage, `"`+name+`", "www.acme.test"`))
	c.signal(syscall.SIGHUP)
	c.await("certificate obtained")
	shownBy(t, https, "www.acme.test", a.Roots())
	if a.Accounts() != 1 || a.Orders() != 2 {
		t.Errorf("%d accounts and %d orders, want 1 and 2", a.Accounts(), a.Orders())
	}
	c.signal(syscall.SIGTERM)
	c.await("stopped")
	c.ends(0)
	if r := report.Inspect(path, ""); len(r.Problems) > 0 || len(r.Warnings) > 0 {
		t.Errorf("check: %v, %v", r.Problems, r.Warnings)
	}
}

// TestUpgradeACME: while an order is under way another process takes over. It waits for the order to be given up, and makes
// its own.
func TestUpgradeACME(t *testing.T) {
	const name = "api.acme.test"
	a, storage := acmetest.Start(t, 90*24*time.Hour, name), t.TempDir()
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/order-plz" {
			once.Do(func() { close(held) })
			select {
			case <-release:
			case <-r.Context().Done():
				return true
			}
		}
		return false
	})
	u := &upgrading{program: t.TempDir() + "/corsgate"}
	u.put(t, "")
	u.child = begun(t, u.program, nil, "serve", "--config", write(t, certifying(a, storage, `"`+name+`"`)))
	u.pid = u.cmd.Process.Pid
	https := u.listensSecurely()
	a.Looks(strings.TrimPrefix(u.gateway, "http://"), https)
	u.send(syscall.SIGHUP) // should the first attempt have failed
	<-held
	u.upgrades()
	u.await("stopped")
	close(release)
	u.await("certificate obtained")
	shownBy(t, https, name, a.Roots())
	if a.Accounts() != 1 || a.Orders() > 2 {
		t.Errorf("%d accounts and %d orders, want one and two", a.Accounts(), a.Orders())
	}
	if n := u.finish(); n != 1 {
		t.Errorf("%d processes stopped well in the end, want 1", n)
	}
	entries, err := os.ReadDir(storage)
	if err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
}
