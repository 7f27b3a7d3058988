package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/acmetest"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

const acmeName = "api.acme.test"

// certified is a gateway with certificates by ACME.
type certified struct {
	*gateway.Gateway
	t       *testing.T
	a       *acmetest.Authority
	dir     string
	plain   string // the listeners' settings beyond their addresses
	said    *acmetest.Journal
	served  chan error
	ended   bool
	http    string
	https   string
	storage string
}

// config returns a configuration with domains and more settings, in which %s in more is for addresses that were bound before.
func (c *certified) config(domains, more string) *config.Config {
	c.t.Helper()
	text := fmt.Sprintf(`
[listener.plain]
address = "127.0.0.1:0"
%s
[listener.https]
address = "127.0.0.1:0"
tls = true
[tls.acme]
directory = %q
email = "ops@acme.test"
domains = [%s]
storage = %q
root_ca = %q
%s
[route.all]
respond = { body = "hello" }
`, c.plain, c.a.Directory, domains, c.storage, c.a.RootFile, more)
	cfg, err := config.Parse(filepath.Join(c.dir, "corsgate.toml"), []byte(text))
	if err != nil {
		c.t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}

// certify serves, until the test ends, with what the domains say. The authority looks at it.
func certify(t *testing.T, a *acmetest.Authority, storage, plain, domains, more string) *certified {
	t.Helper()
	c := &certified{t: t, a: a, dir: t.TempDir(), plain: plain, said: new(acmetest.Journal), served: make(chan error, 1), storage: storage}
	var err error
	if c.Gateway, err = gateway.New(c.config(domains, more), c.said.Log(slog.LevelInfo)); err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	c.http, c.https = c.Addr("plain"), c.Addr("https")
	a.Looks(c.http, c.https)
	go func() { c.served <- c.Serve() }()
	t.Cleanup(c.end)
	return c
}

func (c *certified) end() {
	if c.ended {
		return
	}
	c.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		c.t.Errorf("Shutdown: %v", err)
	}
	<-c.served
}

// shown returns the certificate that clients of a name are shown, or why there is none.
func (c *certified) shown(name string) (*x509.Certificate, error) {
	roots := c.a.Roots()
	state, err := shake(c.https, &tls.Config{ServerName: name, RootCAs: roots})
	if err != nil {
		return nil, err
	}
	return state.PeerCertificates[0], nil
}

// waitShown waits until there is one.
func (c *certified) waitShown(name string) *x509.Certificate {
	c.t.Helper()
	var leaf *x509.Certificate
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if leaf, err = c.shown(name); err == nil {
			return leaf
		}
	}
	c.t.Fatalf("%s: %v\n%s", name, err, c.said)
	return nil
}

// waitSaid waits until the log says something.
func (c *certified) waitSaid(what string) {
	c.t.Helper()
	until(c.t, "the log says "+what, func() bool { return strings.Contains(c.said.String(), what) })
}

// TestACME: a gateway gets its certificates by either challenge, on either engine, and shows them; redirects and routes do
// not come before an authority, and others do not see the difference.
func TestACME(t *testing.T) {
	for _, plain := range []string{"", `engine = "fasthttp"`, "redirect_https = true"} {
		for _, challenge := range []string{"TLS-ALPN-01", "HTTP-01"} {
			t.Run(challenge+" "+plain, func(t *testing.T) {
				a := acmetest.Start(t, 90*24*time.Hour, acmeName)
				c := certify(t, a, t.TempDir(), plain, `"`+acmeName+`"`, "")
				if challenge == "HTTP-01" {
					a.Looks(c.http, "")
				} else {
					a.Looks("", c.https)
				}
				leaf := c.waitShown(acmeName)
				if left := time.Until(leaf.NotAfter); left < 89*24*time.Hour {
					t.Errorf("%v left", left)
				}
				if len(c.said.String()) == 0 || a.Accounts() != 1 {
					t.Errorf("%d accounts\n%s", a.Accounts(), c.said)
				}
				client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				defer client.CloseIdleConnections()
				want := 200
				if strings.HasPrefix(plain, "redirect") {
					want = 308
				}
				for _, host := range []string{acmeName, "other.test"} {
					for _, path := range []string{"/", "/.well-known/acme-challenge/x", "/.well-known/acme-challenge/"} {
						r, _ := http.NewRequest("GET", "http://"+c.http+path, nil)
						r.Host = host
						res, err := client.Do(r)
						if err != nil {
							t.Fatal(err)
						}
						res.Body.Close()
						if res.StatusCode != want {
							t.Errorf("%s%s: %s, want %d", host, path, res.Status, want)
						}
					}
				}
			})
		}
	}
}

// TestACMEClients: who asks for no name, or another, is shown the first; who asks for one that is not ready fails, and that is
// logged and counted; who only says that it is an authority learns nothing.
func TestACMEClients(t *testing.T) {
	a := acmetest.Start(t, 90*24*time.Hour, acmeName)
	c := certify(t, a, t.TempDir(), "", `"not.acme.test", "`+acmeName+`"`, "")
	c.waitSaid(`msg="certificate obtained"`)
	for _, name := range []string{"", "other.test", "OTHER.test."} {
		state, err := shake(c.https, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil || state.PeerCertificates[0].DNSNames[0] != acmeName {
			t.Errorf("%q: %v", name, err)
		}
	}
	c.waitSaid("no certificate obtained")
	for range 3 {
		if _, err := c.shown("not.acme.test"); err == nil || !strings.Contains(err.Error(), "tls: internal error") {
			t.Errorf("%v, want an alert", err)
		}
	}
	if _, err := shake(c.https, &tls.Config{ServerName: acmeName, InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}}); err == nil {
		t.Error("somebody is taken for an authority")
	}
	counted(t, c.Gateway, `corsgate_tls_handshake_errors_total{reason="no-certificate"}`, 4)
	counted(t, c.Gateway, `corsgate_acme_failures{name="not.acme.test"}`, 1)
	counted(t, c.Gateway, `corsgate_acme_failures{name="`+acmeName+`"}`, 0)
	if out := c.said.String(); strings.Count(out, "there is no certificate yet") != 1 {
		t.Errorf("log:\n%s", out)
	}
	families, err := c.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "corsgate_certificate_expiry_seconds" {
			if m := f.Metric; len(m) != 1 || m[0].Label[0].GetValue() != acmeName || m[0].GetGauge().GetValue() < 80*86400 {
				t.Errorf("%v", f)
			}
			return
		}
	}
	t.Error("there is no expiry metric")
}

// TestACMEBesideFiles: what files cover comes first and is not asked for; clients' certificates are not wanted of an authority.
func TestACMEBesideFiles(t *testing.T) {
	a, ca, clients := acmetest.Start(t, 90*24*time.Hour, acmeName, "a.files.test"), authority(t), pkitest.NewAuthority(t, "clients")
	dir := t.TempDir()
	ca.Issue(t, "*.files.test").Write(t, dir, "f")
	pkitest.Replace(t, filepath.Join(dir, "ca.pem"), clients.PEM)
	more := fmt.Sprintf("[tls]\ncertificates = [{ cert = %q, key = %q }]\nclient_ca = %q\nclient_auth = \"require\"\n", dir+"/f.pem", dir+"/f.key", dir+"/ca.pem")
	c := certify(t, a, t.TempDir(), "", `"`+acmeName+`", "a.files.test"`, more)
	mine := []tls.Certificate{clients.Issue(t, "me").TLS(t)}
	c.waitSaid(`msg="certificate obtained"`)
	for name, want := range map[string]string{acmeName: acmeName, "a.files.test": "*.files.test", "other.test": "*.files.test", "": "*.files.test"} {
		state, err := shake(c.https, &tls.Config{ServerName: name, InsecureSkipVerify: true, Certificates: mine})
		if err != nil || state.PeerCertificates[0].DNSNames[0] != want {
			t.Errorf("%q: %v, %v, want %s", name, state.PeerCertificates, err, want)
		}
	}
	if _, err := shake(c.https, &tls.Config{ServerName: acmeName, InsecureSkipVerify: true}); err == nil {
		t.Error("a client without a certificate is let in")
	}
	if a.Orders() != 1 {
		t.Errorf("%d orders, want one", a.Orders())
	}
	_, warnings := gateway.Check(c.config(`"a.files.test"`, more))
	if len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "tls.acme.domains: a.files.test is in the certificate "+dir+"/f.pem") {
		t.Errorf("%v", warnings)
	}
}

// TestACMEReload: what is unchanged stays as it is, and a directory that is down is none of a reload's business.
func TestACMEReload(t *testing.T) {
	a := acmetest.Start(t, 90*24*time.Hour, acmeName, "www.acme.test")
	storage := t.TempDir()
	c := certify(t, a, storage, "", `"`+acmeName+`"`, "")
	first := c.waitShown(acmeName)
	reload := func(domains, more string) {
		t.Helper()
		if err := c.Reload(c.config(domains, more)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		reload(`"`+acmeName+`"`, "[cache]\npreflights = 10\n")
	}
	reload(`"www.acme.test", "`+acmeName+`"`, "")
	c.waitShown("www.acme.test")
	reload(`"`+acmeName+`"`, "")
	if leaf := c.waitShown(acmeName); !leaf.Equal(first) {
		t.Error("a reload has changed a certificate")
	}
	a.Down()
	reload(`"`+acmeName+`", "www.acme.test", "new.acme.test"`, "")
	c.waitShown("www.acme.test") // it is stored
	if a.Accounts() != 1 || a.Orders() != 2 {
		t.Errorf("%d accounts and %d orders, want 1 and 2", a.Accounts(), a.Orders())
	}
	c.end()

	again := certify(t, a, storage, "", `"`+acmeName+`"`, "")
	if leaf, err := again.shown(acmeName); err != nil || !leaf.Equal(first) {
		t.Errorf("after a restart: %v", err)
	}
	a.Up()
	if err := again.Reload(again.config(`"new.acme.test"`, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := again.shown(acmeName); err == nil {
		t.Error("a name that was removed is still shown")
	}
}

// TestACMEOutage: renewals fail while the directory is out of order, the old certificate is shown, and then they succeed.
func TestACMEOutage(t *testing.T) {
	a := acmetest.Start(t, 6*time.Second, acmeName)
	c := certify(t, a, t.TempDir(), "", `"`+acmeName+`"`, "")
	shown := func() *x509.Certificate {
		// Not verified: a machine that is busy with other things may be too late for that.
		state, err := shake(c.https, &tls.Config{ServerName: acmeName, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0]
	}
	c.waitSaid(`msg="certificate obtained"`)
	a.Break(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "out of order", 500) })
	first := shown()
	c.waitSaid("certificate not renewed: the current one stays in use")
	if leaf := shown(); !leaf.Equal(first) {
		t.Error("another is shown meanwhile")
	}
	counted(t, c.Gateway, `corsgate_acme_failures{name="`+acmeName+`"}`, 1)
	a.Break(nil)
	if err := c.Reload(c.config(`"`+acmeName+`"`, "")); err != nil {
		t.Fatal(err)
	}
	until(t, "it is renewed", func() bool { return !shown().Equal(first) })
	counted(t, c.Gateway, `corsgate_acme_failures{name="`+acmeName+`"}`, 0)
	if !strings.Contains(c.said.String(), "certificate renewed") {
		t.Errorf("log:\n%s", c.said)
	}
}

// TestACMEChecked: what a directory need not be asked for is found before.
func TestACMEChecked(t *testing.T) {
	a := acmetest.Start(t, time.Hour)
	a.Down()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &certified{t: t, a: a, dir: t.TempDir(), storage: t.TempDir()}
	f := func(storage, root, want string) {
		t.Helper()
		cfg := c.config(`"`+acmeName+`"`, "")
		cfg.TLS.ACME.Storage, cfg.TLS.ACME.RootCA = storage, root
		problems, _ := gateway.Check(cfg)
		if got := fmt.Sprint(problems); !strings.Contains(got, want) || want == "" && len(problems) > 0 {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(c.storage, a.RootFile, "")
	for directory, want := range map[string]int{a.Directory: 0, "https://acme-v02.api.letsencrypt.org/directory": 5} {
		cfg := c.config(`"localhost", "gateway", "a.internal", "`+acmeName+`", "a.example", "a.example.com", "example.org"`, "")
		cfg.TLS.ACME.Directory = directory
		if _, warnings := gateway.Check(cfg); len(warnings) != want {
			t.Errorf("%s: %v, want %d", directory, warnings, want)
		}
	}
	f(filepath.Join(c.storage, "to", "be", "made"), a.RootFile, "")
	f(filepath.Join(file, "acme"), a.RootFile, "corsgate.toml:12: tls.acme.storage: ")
	f(file, a.RootFile, "is not a directory")
	f(c.storage, "nowhere.pem", "corsgate.toml:13: tls.acme.root_ca: cannot read")
	f(c.storage, file, "does not contain a certificate")
	if entries, err := os.ReadDir(c.storage); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v: a check has written something", entries, err)
	}
	if os.Getuid() != 0 {
		closed := filepath.Join(t.TempDir(), "closed")
		if err := os.Mkdir(closed, 0o500); err != nil {
			t.Fatal(err)
		}
		f(closed, a.RootFile, "cannot write to "+closed)
	}
}
