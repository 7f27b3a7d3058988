package browser_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/pkitest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp never ends its clock, and its worker pools notice their end after 10 s.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

//go:embed testdata/corsgate.toml
var configuration string

// A stage is all that the browser talks to:
//
//	http://api.corsgate.test, http://api.localhost  → the gateway → api
//	http://upgrade.corsgate.test                    → the gateway, by a listener that redirects to https
//	https://… of any port                           → front, which ends TLS → the gateway, or pages for /-/
//	other http://…                                  → pages
//
// The gateway runs in the test's own process: so the race detector watches it serving a browser, and its counters
// are at hand. With HTTP/2 the gateway itself ends TLS for its names, and passes on what is for /-/.
//
// Names and ports of URLs are fixed: the browser is told which loopback address stands for which.
type stage struct {
	gate  *gateway.Gateway
	api   *api
	pages *pages
	flags []string // for the browser
}

// newStage starts all parts, with the gateway on an engine; multiplexed says that the browser speaks HTTP/2 with it.
func newStage(t *testing.T, engine string, multiplexed bool, cases []*testCase) *stage {
	s := &stage{api: &api{}}
	s.pages = newPages(cases, s.sample)
	plain := s.serve(t, s.pages, false)
	certificate := pkitest.NewAuthority(t, "authority").Issue(t, "api.corsgate.test", "other.corsgate.test")
	cert, key := certificate.Write(t, t.TempDir(), "c")
	s.startGateway(t, strings.NewReplacer(
		"ENGINE", engine,
		"UPSTREAM", s.serve(t, s.api, false).URL,
		"DOWN", "unix:"+filepath.Join(t.TempDir(), "nothing"),
		"PAGES", plain.URL,
		"SECRET", secretFile(t),
		"AUTHORISER", s.serve(t, http.HandlerFunc(authorise), false).URL,
		"CERT", cert,
		"KEY", key,
	).Replace(configuration))
	gate := s.gate.Addr("http")
	front := s.serve(t, s.front(t, gate), true)
	rules := []string{
		"MAP api.corsgate.test:80 " + gate,
		"MAP api.localhost:80 " + gate,
		"MAP upgrade.corsgate.test:80 " + s.gate.Addr("upgrade"),
		"MAP *.test:80 " + plain.Listener.Addr().String(),
		"MAP localhost:3000 " + plain.Listener.Addr().String(),
	}
	if multiplexed {
		rules = append(rules, "MAP api.corsgate.test:443 "+s.gate.Addr("https"), "MAP other.corsgate.test:443 "+s.gate.Addr("https"))
	}
	rules = append(rules, "MAP *.test "+front.Listener.Addr().String(), "MAP * ~NOTFOUND") // nothing leaves this machine
	var keys []string
	for _, c := range []*x509.Certificate{front.Certificate(), certificate.Leaf} {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		keys = append(keys, base64.StdEncoding.EncodeToString(sum[:]))
	}
	s.flags = []string{"--ignore-certificate-errors-spki-list=" + strings.Join(keys, ","), "--host-resolver-rules=" + strings.Join(rules, ",")}
	return s
}

// serve serves h on loopback until the test ends.
func (s *stage) serve(t *testing.T, h http.Handler, tls bool) *httptest.Server {
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that the browser opens and never uses
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

func (s *stage) startGateway(t *testing.T, text string) {
	t.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if s.gate, err = gateway.New(cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if err := s.gate.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.gate.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.gate.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// front ends TLS in front of the gateway, and serves the pages, also that of the API's own origin.
func (s *stage) front(t *testing.T, gate string) http.Handler {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: gate})
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/-/") {
			s.pages.ServeHTTP(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// sample notes what the gateway and the API have seen since it was called last. One request is made at a time, and
// both count before they answer, so there is nothing to wait for.
func (s *stage) sample(got *result) {
	got.reached = s.api.take()
	got.total = s.preflights()
}

// preflights returns the number of preflights that policies have answered.
func (s *stage) preflights() int { return s.counted("corsgate_preflights_total") }

// counted returns the sum of all that a metric of the gateway counts.
func (s *stage) counted(name string) (n int) {
	families, err := s.gate.Registry().Gather()
	if err != nil {
		panic("BUG: " + err.Error())
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}
