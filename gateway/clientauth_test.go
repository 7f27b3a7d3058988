package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/quic-go/quic-go"
)

// TestClientAuth: what becomes of requests with a certificate, without one, and with one of nobody's, by mode and version.
func TestClientAuth(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q %d", r.Header["X-Who"], r.Header["X-Names"], len(r.Header.Get("X-Print")))
	}))
	defer up.Close()
	clients, strangers := pkitest.NewAuthority(t, "clients"), pkitest.NewAuthority(t, "strangers")
	own := clients.Issue(t, "client.test").TLS(t)
	const origin = "https://app.example"
	for _, engine := range []string{secure, secureBlocking, three} {
		for _, x := range []struct {
			mode                 string
			preflight, get, with string
			past                 string // a preflight that the upstream would answer
		}{
			{"", "204 shared", "403 shared", "200 shared", "403"},
			{"client_auth = \"preflight-exempt\"\n", "204 shared", "403 shared", "200 shared", "403"},
			{"client_auth = \"optional\"\n", "204 shared", "200 shared", "200 shared", "200"},
			{"client_auth = \"require\"\n", "", "", "200 shared", ""},
		} {
			t.Run(engine+" "+x.mode, func(t *testing.T) {
				ca := filepath.Join(t.TempDir(), "ca.pem")
				pkitest.Replace(t, ca, clients.PEM)
				text := "[cors.p]\norigins = [\"" + origin + "\"]\nmethods = [\"PUT\"]\n[cors.through]\norigins = [\"" + origin + "\"]\nupstream_cors = \"passthrough\"\n" +
					"[upstream.u]\nendpoints = [\"" + up.URL + "\"]\n[route.a]\nhosts = [\"127.0.0.1\"]\npath = \"/a\"\ncors = \"p\"\nupstream = \"u\"\n" +
					"request_set_headers = { X-Who = \"$client_cert_subject\", X-Names = \"$client_cert_san\", X-Print = \"$client_cert_fingerprint\" }\n" +
					"[route.past]\nhosts = [\"127.0.0.1\"]\npath = \"/past\"\ncors = \"through\"\nupstream = \"u\"\n"
				cfg := parseFor(t, engine, text)
				withMode := parse(t, fmt.Sprintf("%s[listener.x]\ntls = true\n[tls]\ncertificates = [{ cert = \"x\", key = \"y\" }]\nclient_ca = %q\n%s", text, ca, x.mode))
				cfg.TLS.ClientCA, cfg.TLS.ClientAuth = ca, withMode.TLS.ClientAuth
				_, address := serveConfig(t, cfg)
				ask := func(major int, method, path string, certs ...tls.Certificate) string {
					config := authority(t).client()
					config.Certificates = certs
					client := http.RoundTripper(&http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: major == 2, DisableKeepAlives: true})
					if major == 3 {
						three := http3Client(t)
						three.TLSClientConfig, client = config, three
					}
					r, _ := http.NewRequest(method, "https://"+address+path, nil)
					r.Header.Set("Origin", origin)
					r.Header.Set("x-who", "forged")
					r.Header.Set("X_Names", "forged")
					if method == "OPTIONS" {
						r.Header.Set("Access-Control-Request-Method", "PUT")
					}
					res, err := client.RoundTrip(r)
					if err != nil {
						return ""
					}
					defer res.Body.Close()
					body, _ := io.ReadAll(res.Body)
					if want := `[] ["DNS:client.test"] 64`; len(certs) > 0 && &certs[0].Certificate[0][0] == &own.Certificate[0][0] && res.StatusCode == 200 && string(body) != want {
						t.Errorf("the upstream got %s, want %s", body, want)
					}
					if want := `[] [] 0`; len(certs) == 0 && res.StatusCode == 200 && path == "/a/x" && string(body) != want {
						t.Errorf("the upstream got %s, want %s", body, want)
					}
					got := fmt.Sprint(res.StatusCode)
					if res.Header.Get("Access-Control-Allow-Origin") == origin {
						got += " shared"
					}
					return got
				}
				versions := []int{1, 2}
				if engine == three {
					versions = []int{3}
				}
				for _, major := range versions {
					f := func(what, got, want string) {
						t.Helper()
						if got != want {
							t.Errorf("HTTP/%d, %s: %q, want %q", major, what, got, want)
						}
					}
					f("a preflight", ask(major, "OPTIONS", "/a/x"), x.preflight)
					f("a preflight for the upstream", ask(major, "OPTIONS", "/past"), x.past)
					f("GET", ask(major, "GET", "/a/x"), x.get)
					f("GET with a certificate", ask(major, "GET", "/a/x", own), x.with)
					f("GET with a stranger's", ask(major, "GET", "/a/x", strangers.Issue(t, "client.test").TLS(t)), x.get)
				}
			})
		}
	}
}

// TestClientAuthChanged: where a reload changes what a listener asks of clients, connections that were let in before get no
// further request served, and what is under way on them ends as it should.
func TestClientAuthChanged(t *testing.T) {
	for _, x := range []struct {
		engine string
		major  int
	}{{secure, 1}, {secureBlocking, 1}, {secure, 2}, {secureBlocking, 2}, {three, 3}} {
		for change, apply := range map[string]func(t *testing.T, cfg *config.Config, ca string){
			"another authority": func(t *testing.T, _ *config.Config, ca string) {
				pkitest.Replace(t, ca, pkitest.NewAuthority(t, "others").PEM)
			},
			"another mode": func(_ *testing.T, cfg *config.Config, _ string) { cfg.TLS.ClientAuth = "require" },
			"only now":     func(_ *testing.T, cfg *config.Config, ca string) { cfg.TLS.ClientCA = ca },
		} {
			t.Run(fmt.Sprintf("%s, HTTP/%d, %s", x.engine, x.major, change), func(t *testing.T) {
				entered, leave := make(chan bool, 1), make(chan bool)
				up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/slow" {
						entered <- true
						<-leave
					}
				}))
				defer up.Close()
				clients := pkitest.NewAuthority(t, "clients")
				ca := filepath.Join(t.TempDir(), "ca.pem")
				pkitest.Replace(t, ca, clients.PEM)
				text := "[upstream.u]\nendpoints = [\"" + up.URL + "\"]\n[route.a]\nupstream = \"u\"\n"
				configure := func() *config.Config {
					cfg := parseFor(t, x.engine, text)
					if change != "only now" {
						cfg.TLS.ClientCA, cfg.TLS.ClientAuth = ca, "optional"
					}
					return cfg
				}
				cfg := configure()
				g, address := serveConfig(t, cfg)
				idle, busy := dialOnce(t, x.major, clients.Issue(t, "a").TLS(t)), dialOnce(t, x.major, clients.Issue(t, "b").TLS(t))
				for _, client := range []http.RoundTripper{idle, busy} {
					if status := statusOf(client, address, "/"); status != "200" {
						t.Fatalf("before the reload: %s", status)
					}
				}
				slow := make(chan string, 1)
				go func() { slow <- statusOf(busy, address, "/slow") }()
				<-entered
				next := configure()
				next.Listeners[0].Address = cfg.Listeners[0].Address
				apply(t, next, ca)
				if err := g.Reload(next); err != nil {
					t.Fatal(err)
				}
				if status := statusOf(idle, address, "/"); status != "" {
					t.Errorf("an open connection got a further %s after the reload", status)
				}
				if x.major > 1 {
					if status := statusOf(busy, address, "/"); status != "" {
						t.Errorf("an open connection with a request under way got a further %s after the reload", status)
					}
				}
				close(leave)
				if status := <-slow; status != "200" {
					t.Errorf("what was under way ended with %q, want 200", status)
				}
				if status := statusOf(busy, address, "/"); status != "" {
					t.Errorf("an open connection got a further %s after what was under way", status)
				}
			})
		}
	}
}

var errSecond = errors.New("the connection has ended")

// dialOnce returns a client of one connection that speaks a major version of HTTP.
func dialOnce(t *testing.T, major int, own tls.Certificate) http.RoundTripper {
	settings := authority(t).client()
	settings.Certificates = []tls.Certificate{own}
	dialled := make(chan bool, 1)
	if major == 3 {
		client := http3Client(t)
		client.TLSClientConfig = settings
		client.Dial = func(ctx context.Context, address string, c *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			select {
			case dialled <- true:
				return quic.DialAddr(ctx, address, c, qc)
			default:
				return nil, errSecond
			}
		}
		return client
	}
	client := &http.Transport{TLSClientConfig: settings, ForceAttemptHTTP2: major == 2, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case dialled <- true:
			return new(net.Dialer).DialContext(ctx, network, address)
		default:
			return nil, errSecond
		}
	}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// statusOf returns the status of a GET, or "" if there is no answer.
func statusOf(client http.RoundTripper, address, path string) string {
	r, err := http.NewRequest("GET", "https://"+address+path, nil)
	if err != nil {
		return err.Error()
	}
	res, err := client.RoundTrip(r)
	if err != nil {
		return ""
	}
	io.Copy(io.Discard, res.Body) // only the status matters
	res.Body.Close()
	return fmt.Sprint(res.StatusCode)
}
