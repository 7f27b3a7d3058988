package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/corsgate/corsgate/gateway/pkitest"
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
	for _, engine := range []string{secure, secureBlocking} {
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
					client := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: major == 2, DisableKeepAlives: true}
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
				for _, major := range []int{1, 2} {
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
