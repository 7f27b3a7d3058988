package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/pires/go-proxyproto"
)

// A vault is a directory with certificates: ca.pem, cert.pem and key.pem are those that
// net/http/httptest has for 127.0.0.1 and example.com.
type vault string

func newVault(t testing.TB) (vault, tls.Certificate) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	v := vault(t.TempDir())
	v.write(t, "ca.pem", "CERTIFICATE", pair.Certificate[0])
	v.write(t, "cert.pem", "CERTIFICATE", pair.Certificate[0])
	v.write(t, "key.pem", "PRIVATE KEY", key)
	return v, pair
}

func (v vault) write(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(v.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (v vault) path(name string) string { return filepath.Join(string(v), name) }

// stranger returns the certificate of an authority that has certified nobody.
func stranger(t testing.TB) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, ca, ca, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// securely is a configuration with one upstream and more keys for it.
func securely(url, more string) string {
	return strings.Replace(policy(url, "ONE"), "endpoints = [\""+url+"\"]", "endpoints = [\""+url+"\"]\n"+more, 1)
}

// TestSecureUpstream: requests reach an upstream that speaks TLS and wants a certificate, on both
// engines, with content of every kind, and connections are used again.
func TestSecureUpstream(t *testing.T) {
	v, pair := newVault(t)
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if shown := r.TLS.PeerCertificates; len(shown) != 1 || !bytes.Equal(shown[0].Raw, pair.Certificate[0]) {
			t.Error("the gateway showed another certificate than it has")
		}
		echo(w, r)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"h2", "http/1.1"}}
	s.Config.ConnState = func(_ net.Conn, to http.ConnState) {
		if to == http.StateNew {
			opened.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	config := securely(s.URL, fmt.Sprintf("tls_ca = %q\ntls_cert = %q\ntls_key = %q\n", v.path("ca.pem"), v.path("cert.pem"), v.path("key.pem")))
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			_, address := serveOn(t, engine, config)
			before := opened.Load()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for _, size := range []int{0, 5, 20 << 10, 300 << 10} {
				content := strings.Repeat("x", size)
				for _, body := range []io.Reader{strings.NewReader(content), struct{ io.Reader }{strings.NewReader(content)}} {
					req, _ := http.NewRequest("POST", "http://"+address+"/", body)
					req.Header.Set("Origin", "https://myapp.com")
					res, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					answer, err := io.ReadAll(res.Body)
					res.Body.Close()
					if want := fmt.Sprintf("POST / %d ", size); err != nil || !strings.HasPrefix(string(answer), want) ||
						res.Header.Get("Access-Control-Allow-Origin") != "https://myapp.com" {
						t.Errorf("%d octets: %s %q, %v, want %q", size, res.Status, answer, err, want)
					}
				}
			}
			if n := opened.Load() - before; n != 1 {
				t.Errorf("%d connections to the upstream, want 1", n)
			}
		})
	}
}

// TestSecureFiles: what is wrong with the files is said where they are named, and nothing changes.
func TestSecureFiles(t *testing.T) {
	v, _ := newVault(t)
	os.WriteFile(v.path("empty.pem"), nil, 0o600)
	f := func(want string, more ...string) {
		t.Helper()
		text := securely("https://127.0.0.1:1", strings.Join(more, "\n")+"\n")
		_, err := gateway.New(parse(t, text), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", more, err, want)
		}
	}
	ca := func(name string) string { return fmt.Sprintf("tls_ca = %q", v.path(name)) }
	cert := func(name string) string { return fmt.Sprintf("tls_cert = %q", v.path(name)) }
	key := func(name string) string { return fmt.Sprintf("tls_key = %q", v.path(name)) }
	f("corsgate.toml:4: upstream.api.tls_ca: cannot read ", ca("none.pem"))
	f("corsgate.toml:4: upstream.api.tls_ca: "+v.path("empty.pem")+" does not contain a certificate in PEM", ca("empty.pem"))
	f("corsgate.toml:4: upstream.api.tls_ca: "+v.path("key.pem")+" does not contain a certificate in PEM", ca("key.pem"))
	f("corsgate.toml:4: upstream.api.tls_cert: cannot read ", cert("none.pem"), key("key.pem"))
	f("corsgate.toml:5: upstream.api.tls_key: cannot read ", cert("cert.pem"), key("none.pem"))
	f("corsgate.toml:4: upstream.api.tls_cert: ", cert("empty.pem"), key("key.pem"))
	f("corsgate.toml:5: upstream.api.tls_key: ", cert("cert.pem"), key("empty.pem"))
	f("corsgate.toml:5: upstream.api.tls_key: ", cert("cert.pem"), key("cert.pem"))

	g, address := serve(t, securely("https://127.0.0.1:1", ca("ca.pem")))
	if err := g.Reload(parse(t, securely("https://127.0.0.1:1", ca("empty.pem")))); err == nil {
		t.Error("a reload with a bad file succeeded")
	}
	if _, n := g.Config(); n != 1 {
		t.Errorf("generation %d is in force after it", n)
	}
	if res, _ := ask(t, address, "GET", "/fixed"); res.StatusCode != 200 {
		t.Errorf("the gateway answers %s after it", res.Status)
	}
}

// TestSecureRotation: a reload takes over what has changed in the files, even if their names have
// not, and leaves connections alone if nothing has.
func TestSecureRotation(t *testing.T) {
	v, pair := newVault(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	text := securely(s.URL, fmt.Sprintf("tls_ca = %q\n", v.path("ca.pem")))
	good, err := os.ReadFile(v.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	g, address := serve(t, text)
	f := func(want int) {
		t.Helper()
		if res, _ := ask(t, address, "GET", "/"); res.StatusCode != want {
			t.Errorf("%s, want %d", res.Status, want)
		}
	}
	f(200)
	// Another authority that is no authority of this server.
	v.write(t, "ca.pem", "CERTIFICATE", stranger(t))
	if err := g.Reload(parse(t, text)); err != nil {
		t.Fatal(err)
	}
	f(502)
	os.WriteFile(v.path("ca.pem"), good, 0o600)
	if err := g.Reload(parse(t, text)); err != nil {
		t.Fatal(err)
	}
	f(200)
}

// TestSendProxyProtocol: the upstream is told of the client's own connection on each of its own.
func TestSendProxyProtocol(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: &proxyproto.Listener{Listener: ln}, Config: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) }),
	}}
	s.Start()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	for _, engine := range []string{looped, blocking} {
		_, address := serveOn(t, engine, securely("http://"+ln.Addr().String(), "send_proxy_protocol = true\n"))
		for range 3 {
			c := dial(t, address)
			client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}}
			for range 3 {
				res, err := client.Get("http://" + address + "/")
				if err != nil {
					t.Fatal(err)
				}
				told, err := io.ReadAll(res.Body)
				res.Body.Close()
				if string(told) != c.LocalAddr().String() || err != nil {
					t.Errorf("%s: the upstream was told %q, %v, want %s", engine, told, err, c.LocalAddr())
				}
			}
			client.CloseIdleConnections()
		}
	}
}
