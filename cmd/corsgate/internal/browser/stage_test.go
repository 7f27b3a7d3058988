package browser_test

import (
	"context"
	"crypto/sha256"
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
// are at hand. TLS ends at front as long as the gateway's listeners cannot end it.
//
// Names and ports of URLs are fixed: the browser is told which loopback address stands for which.
type stage struct {
	gate  *gateway.Gateway
	api   *api
	pages *pages
	flags []string // for the browser
}

// newStage starts all parts, with the gateway on an engine.
func newStage(t *testing.T, engine string, cases []*testCase) *stage {
	s := &stage{api: &api{}}
	s.pages = newPages(cases, s.sample)
	s.startGateway(t, engine, s.serve(t, s.api, false).URL)
	gate := s.gate.Addr("http")
	plain := s.serve(t, s.pages, false)
	front := s.serve(t, s.front(t, gate), true)
	spki := sha256.Sum256(front.Certificate().RawSubjectPublicKeyInfo)
	s.flags = []string{
		"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(spki[:]),
		"--host-resolver-rules=" + strings.Join([]string{
			"MAP api.corsgate.test:80 " + gate,
			"MAP api.localhost:80 " + gate,
			"MAP upgrade.corsgate.test:80 " + s.gate.Addr("upgrade"),
			"MAP *.test:80 " + plain.Listener.Addr().String(),
			"MAP localhost:3000 " + plain.Listener.Addr().String(),
			"MAP *.test " + front.Listener.Addr().String(),
			"MAP * ~NOTFOUND", // nothing leaves this machine
		}, ","),
	}
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

func (s *stage) startGateway(t *testing.T, engine, upstream string) {
	t.Helper()
	text := strings.NewReplacer(
		"ENGINE", engine,
		"UPSTREAM", upstream,
		"DOWN", "unix:"+filepath.Join(t.TempDir(), "nothing"),
	).Replace(configuration)
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
func (s *stage) preflights() (n int) {
	families, err := s.gate.Registry().Gather()
	if err != nil {
		panic("BUG: " + err.Error())
	}
	for _, f := range families {
		if f.GetName() == "corsgate_preflights_total" {
			for _, m := range f.GetMetric() {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}
