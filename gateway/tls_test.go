package gateway_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

const respond = "\n[route.all]\nrespond = { body = \"hello\" }\n"

// tlsConfig is a configuration with TLS in dir, on loopback; more is added to its [tls].
func tlsConfig(t *testing.T, dir, certificates, more string) *config.Config {
	t.Helper()
	cfg, err := config.Parse(filepath.Join(dir, "corsgate.toml"), []byte("[listener.http]\ntls = true\n[tls]\ncertificates = ["+certificates+"]\n"+more+respond))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listeners[0].Address = "127.0.0.1:0"
	return cfg
}

const oneCertificate = `{ cert = "c.pem", key = "c.key" }`

// shake makes a connection with a gateway and asks it once, so that what comes after the handshake has come.
func shake(address string, client *tls.Config) (tls.ConnectionState, error) {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, client)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && res.StatusCode != 200 {
		err = errors.New(res.Status)
	}
	return c.ConnectionState(), err
}

// counted returns the value of a counter, which may be about to be counted.
func counted(t *testing.T, g *gateway.Gateway, name string, want int) {
	t.Helper()
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		families, err := g.Registry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		got = ""
		for _, f := range families {
			for _, m := range f.Metric {
				line := f.GetName()
				for _, l := range m.Label {
					line += fmt.Sprintf("{%s=%q}", l.GetName(), l.GetValue())
				}
				if line == name {
					got = fmt.Sprint(m.GetCounter().GetValue() + m.GetGauge().GetValue())
				}
			}
		}
		if got == fmt.Sprint(want) {
			return
		}
	}
	t.Errorf("%s is %s, want %d", name, got, want)
}

func TestPlaintextOnTLS(t *testing.T) {
	g, address := serveOn(t, secure, respond)
	f := func(octets, want string) {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, octets)
		got, err := io.ReadAll(c)
		if !strings.HasPrefix(string(got), want) || want == "" && strings.Contains(string(got), "HTTP") || want != "" && err != nil {
			t.Errorf("%.20q: %q, %v, want %q", octets, got, err, want)
		}
	}
	f("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 ")
	f("OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 ")
	f("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 ")
	f("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("x", 200000), "HTTP/1.1 400 ")
	f("\x00\x01\x02\x03\x04\x05\x06", "")
	f("SSH-2.0-OpenSSH_9.2\r\n", "")
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="plaintext"}`, 4)
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="handshake"}`, 2)
	counted(t, g, `corsgate_malformed_total{class="plaintext"}`, 4)
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
}

// TestSlowHandshake: a client that does not finish its handshake in time is gone.
func TestSlowHandshake(t *testing.T) {
	g, address := serveOn(t, secure, "[timeouts]\nheader = \"50ms\"\n"+respond)
	for _, octets := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, octets)
		c.SetDeadline(time.Now().Add(patience))
		if got, err := io.ReadAll(c); err != nil || len(got) > 0 {
			t.Errorf("%q, %v, want the end", got, err)
		}
	}
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="timeout"}`, 2)
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
}

func TestClientCertificates(t *testing.T) {
	dir, ca, clients, strangers := t.TempDir(), authority(t), pkitest.NewAuthority(t, "clients"), pkitest.NewAuthority(t, "strangers")
	ca.server.Write(t, dir, "c")
	pkitest.Replace(t, filepath.Join(dir, "ca.pem"), clients.PEM)
	g, address := serveConfig(t, tlsConfig(t, dir, oneCertificate, "client_ca = \"ca.pem\"\nclient_auth = \"require\"\n"))
	f := func(version uint16, works bool, own ...tls.Certificate) {
		t.Helper()
		client := ca.client()
		client.Certificates, client.MaxVersion = own, version
		if _, err := shake(address, client); (err == nil) != works {
			t.Errorf("%s: %v, works: %t", tls.VersionName(version), err, works)
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		f(version, true, clients.Issue(t, "client").TLS(t))
		f(version, false)
		f(version, false, strangers.Issue(t, "client").TLS(t))
		f(version, false, clients.IssueUntil(t, time.Now().Add(-time.Hour), "client").TLS(t))
	}
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="client-certificate"}`, 6)
	counted(t, g, `corsgate_requests_total{code_class="2xx"}{route="all"}`, 2)
	c := ca.client()
	c.RootCAs = strangers.Pool
	shake(address, c)
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="refused"}`, 1)
}

// TestPlaintextIsAnswered: who speaks plain HTTP where TLS is spoken is told so, in a way that a page can read.
func TestPlaintextIsAnswered(t *testing.T) {
	const text = "[cors.p]\norigins = [\"http://localhost:3000\"]\n[route.a]\ncors = \"p\"\nrespond = {}\n"
	for _, engine := range []string{secure, secureBlocking} {
		_, address := serveOn(t, engine, text)
		for name, pieces := range map[string][]string{
			"at once":                     {"GET /a HTTP/1.1\r\nHost: h\r\nOrigin: http://localhost:3000\r\n\r\n"},
			"in pieces":                   {"G", "ET /a HT", "TP/1.1\r\nHost: h\r\n", "Origin: http://localhost:3000\r\n\r\n"},
			"longer than TLS reads":       {"POST /a HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 3000) + "\r\nOrigin: http://localhost:3000\r\nContent-Length: 1\r\n\r\nx"},
			"a preflight":                 {"OPTIONS /a HTTP/1.1\r\nHost: h\r\nOrigin: http://localhost:3000\r\nAccess-Control-Request-Method: PUT\r\n\r\n"},
			"of an origin not allowed":    {"GET /a HTTP/1.1\r\nHost: h\r\nOrigin: http://localhost:3001\r\n\r\n"},
			"a head that does not end":    {"GET /a HTTP/1.1\r\nHost: h\r\nOrigin: http://localhost:3000\r\n"},
			"a request that is not valid": {"GET /a b HTTP/1.1\r\nHost: h h\r\n\r\n"},
		} {
			c := dialPlain(t, address)
			for _, piece := range pieces {
				io.WriteString(c, piece)
				time.Sleep(time.Millisecond)
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatalf("%s: %s: %v", engine, name, err)
			}
			body, err := io.ReadAll(res.Body)
			if want := "this port speaks TLS: use https://\n"; res.StatusCode != 400 || string(body) != want || !res.Close || err != nil {
				t.Errorf("%s: %s: %d %q %v, want 400 and %q", engine, name, res.StatusCode, body, err, want)
			}
			shared := name != "of an origin not allowed" && name != "a request that is not valid" && name != "a preflight"
			if got := res.Header.Get("Access-Control-Allow-Origin"); (got == "http://localhost:3000") != shared {
				t.Errorf("%s: %s: shared with %q", engine, name, got)
			}
			if len(res.Header.Get("X-Request-Id")) != 32 {
				t.Errorf("%s: %s: X-Request-Id is %q", engine, name, res.Header.Get("X-Request-Id"))
			}
			c.Close()
		}
	}
}

// TestResumption: sessions are resumed over reloads, and not with clients that would no longer be let in.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		dir, ca, clients := t.TempDir(), authority(t), pkitest.NewAuthority(t, "clients")
		ca.server.Write(t, dir, "c")
		open := tlsConfig(t, dir, oneCertificate, "")
		g, address := serveConfig(t, open)
		client := ca.client()
		client.ClientSessionCache, client.MaxVersion = tls.NewLRUClientSessionCache(0), version
		client.Certificates = []tls.Certificate{clients.Issue(t, "client").TLS(t)}
		f := func(works, resumed bool) {
			t.Helper()
			state, err := shake(address, client)
			if (err == nil) != works || works && state.DidResume != resumed {
				t.Errorf("%s: %v, resumed: %t, want %t and %t", tls.VersionName(version), err, state.DidResume, works, resumed)
			}
		}
		reload := func(cfg *config.Config) {
			t.Helper()
			cfg.Listeners[0].Address = open.Listeners[0].Address
			if err := g.Reload(cfg); err != nil {
				t.Fatal(err)
			}
		}
		f(true, false)
		f(true, true)
		ca.Issue(t, "gateway.test").Write(t, dir, "c")
		reload(tlsConfig(t, dir, oneCertificate, ""))
		f(true, true)
		pkitest.Replace(t, filepath.Join(dir, "ca.pem"), clients.PEM)
		closed := func() *config.Config {
			return tlsConfig(t, dir, oneCertificate, "client_ca = \"ca.pem\"\nclient_auth = \"require\"\n")
		}
		reload(closed())
		f(true, false) // it had shown no certificate
		f(true, true)
		pkitest.Replace(t, filepath.Join(dir, "ca.pem"), pkitest.NewAuthority(t, "others").PEM)
		reload(closed())
		f(false, false)
	}
}

// TestRotateUnderLoad: certificates are exchanged again and again, and no handshake fails.
func TestRotateUnderLoad(t *testing.T) {
	rotations := 1000
	if testing.Short() {
		rotations = 100
	}
	dir, ca := t.TempDir(), authority(t)
	first, second := ca.Issue(t, "gateway.test"), ca.IssueRSA(t, "gateway.test")
	first.Write(t, dir, "c")
	cfg := tlsConfig(t, dir, oneCertificate, "")
	g, address := serveConfig(t, cfg)
	var over atomic.Bool
	var shaken atomic.Int64
	var seen sync.Map
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			for !over.Load() {
				state, err := shake(address, ca.client())
				if err != nil {
					t.Errorf("after %d handshakes: %v", shaken.Load(), err)
					return
				}
				shaken.Add(1)
				seen.Store(state.PeerCertificates[0].SerialNumber.String(), true)
			}
		})
	}
	both := func() bool {
		n := 0
		seen.Range(func(any, any) bool { n++; return true })
		return n == 2
	}
	for i, end := 0, time.Now().Add(patience); i < rotations || !both() && !t.Failed() && time.Now().Before(end); i++ {
		pair := []pkitest.Pair{first, second}[i%2]
		pair.Write(t, dir, "c")
		if err := g.Reload(tlsConfigAt(t, dir, cfg)); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(patience); shaken.Load() < 50 && !t.Failed() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	over.Store(true)
	clients.Wait()
	n := 0
	seen.Range(func(any, any) bool { n++; return true })
	t.Logf("%d rotations, %d handshakes, %d certificates seen", rotations, shaken.Load(), n)
	if n != 2 {
		t.Errorf("clients have seen %d certificates, want 2", n)
	}
}

func tlsConfigAt(t *testing.T, dir string, old *config.Config) *config.Config {
	cfg := tlsConfig(t, dir, oneCertificate, "")
	cfg.Listeners[0].Address = old.Listeners[0].Address
	return cfg
}

// TestBadCertificates: what is wrong with a file is found when a configuration is checked or loaded, with its line.
func TestBadCertificates(t *testing.T) {
	dir, ca := t.TempDir(), authority(t)
	pair := ca.server
	f := func(want, wantWarning string) {
		t.Helper()
		cfg := tlsConfig(t, dir, "\n"+oneCertificate+",\n{ cert = \"d.pem\", key = \"d.key\" }", "client_ca = \"ca.pem\"\nclient_auth = \"require\"\n")
		problems, warnings := gateway.Check(cfg)
		if got := fmt.Sprint(problems); !strings.HasPrefix(strings.Trim(got, "[]"), want) || want == "" && len(problems) > 0 {
			t.Errorf("%s, want %s", got, want)
		}
		if got := fmt.Sprint(warnings); !strings.Contains(got, wantWarning) {
			t.Errorf("warnings %s, want %s", got, wantWarning)
		}
	}
	at := func(line int, key string) string { return fmt.Sprintf("%s/corsgate.toml:%d: tls.%s: ", dir, line, key) }
	pair.Write(t, dir, "c")
	pair.Write(t, dir, "d")
	pkitest.Replace(t, filepath.Join(dir, "ca.pem"), ca.PEM)
	f("", "")
	pkitest.Replace(t, filepath.Join(dir, "d.key"), ca.Issue(t, "other").Key)
	f(at(6, "certificates")+"the key in "+dir+"/d.key is not that of the certificate in ", "")
	os.Remove(filepath.Join(dir, "c.pem"))
	ca.IssueUntil(t, time.Now().Add(-time.Hour), "gateway.test").Write(t, dir, "d")
	f(at(5, "certificates")+"cannot read "+dir+"/c.pem: no such file", at(6, "certificates")+dir+"/d.pem: the certificate has expired")
	pair.Write(t, dir, "c")
	pkitest.Replace(t, filepath.Join(dir, "ca.pem"), nil)
	f(at(7, "client_ca")+dir+"/ca.pem does not contain a certificate", "")
}

func TestExpiryMetric(t *testing.T) {
	dir, ca := t.TempDir(), authority(t)
	ca.IssueUntil(t, time.Now().Add(time.Hour), "gateway.test").Write(t, dir, "c")
	cfg := tlsConfig(t, dir, oneCertificate, "")
	g, _ := serveConfig(t, cfg)
	expiry := func() float64 {
		families, err := g.Registry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "corsgate_certificate_expiry_seconds" {
				if l := f.Metric[0].Label[0]; l.GetName() != "name" || l.GetValue() != "c.pem" || len(f.Metric) != 1 {
					t.Errorf("%v", f)
				}
				return f.Metric[0].GetGauge().GetValue()
			}
		}
		t.Fatal("no metric")
		return 0
	}
	if s := expiry(); s <= 0 || s > 3600 {
		t.Errorf("%v s, want just less than an hour", s)
	}
	ca.IssueUntil(t, time.Now().Add(-time.Hour), "gateway.test").Write(t, dir, "c")
	if err := g.Reload(tlsConfigAt(t, dir, cfg)); err != nil {
		t.Fatal(err) // a late certificate is better than none
	}
	if s := expiry(); s >= 0 {
		t.Errorf("%v s, want less than none", s)
	}
}
