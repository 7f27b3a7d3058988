package admin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is an Admin whose surroundings a test sets.
type fixture struct {
	ready   bool
	failure error
	reloads int
	config  any
	status  admin.Status
	explain func(fetch.Question) (any, error)
}

func (f *fixture) handler() http.Handler { return f.admin().Handler() }

func (f *fixture) admin() *admin.Admin {
	registry := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "corsgate_test_total", ConstLabels: prometheus.Labels{"name": "a"}})
	d := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "corsgate_test_seconds", Buckets: []float64{.5, 1}})
	registry.MustRegister(c, d)
	d.Observe(.2)
	d.Observe(.7)
	c.Inc()
	return &admin.Admin{
		Ready:    func() bool { return f.ready },
		Status:   func() admin.Status { return f.status },
		Registry: registry,
		Reload:   func() error { f.reloads++; return f.failure },
		Config:   func() any { return f.config },
		Shadow:   func() any { return []string{"a diff"} },
		Refused:  func() any { return []string{"an origin"} },
		Explain:  f.explain,
		Log:      slog.New(slog.DiscardHandler),
	}
}

// ask sends one request to h. fields are "name: value".
func ask(h http.Handler, method, target string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:9900"
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	f := &fixture{ready: true, config: map[string]string{"a": "b"}}
	h := f.handler()
	check := func(method, target string, status int, text string) {
		t.Helper()
		w := ask(h, method, target)
		if w.Code != status || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s %s: %d %q, want %d with %q", method, target, w.Code, w.Body, status, text)
		}
	}
	check("GET", "/", 200, "/metrics")
	check("GET", "/status", 200, `"ready": true`)
	check("GET", "/healthz", 200, "ok\n")
	check("HEAD", "/healthz", 200, "")
	check("GET", "/readyz", 200, "ready\n")
	check("GET", "/metrics", 200, `corsgate_test_total{name="a"} 1`)
	check("GET", "/config", 200, `"a": "b"`)
	check("GET", "/shadow", 200, `"a diff"`)
	check("GET", "/refused", 200, `"an origin"`)
	check("GET", "/debug/pprof/", 200, "goroutine")
	check("GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	check("GET", "/debug/pprof/cmdline", 200, "admin.test")
	check("GET", "/debug/pprof/symbol", 200, "num_symbols")
	check("POST", "/debug/pprof/symbol", 200, "num_symbols")
	check("POST", "/reload", 200, "reloaded\n")
	check("GET", "/reload", 405, "")
	check("PUT", "/reload", 405, "")
	check("POST", "/config", 405, "")
	check("GET", "/nothing", 404, "")
	if f.reloads != 1 {
		t.Errorf("%d reloads, want 1", f.reloads)
	}
	f.ready = false
	check("GET", "/readyz", 503, "not ready\n")
	check("GET", "/healthz", 200, "ok\n")
	f.failure = errors.New("a.toml:1: x: wrong\na.toml:2: y: wrong")
	check("POST", "/reload", 422, "a.toml:1: x: wrong\na.toml:2: y: wrong\n")
	if w := ask(h, "GET", "/config"); !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("/config is %q: %s", w.Header().Get("Content-Type"), w.Body)
	}
}

// Every page that the index names is there.
func TestIndexLinks(t *testing.T) {
	h := (&fixture{}).handler()
	links := bytes.Split(ask(h, "GET", "/").Body.Bytes(), []byte(`href="`))[1:]
	if len(links) == 0 {
		t.Fatal("the index has no links")
	}
	for _, link := range links {
		path, _, _ := strings.Cut(string(link), `"`)
		if path == "data:," {
			continue // no icon
		}
		if w := ask(h, "GET", path); w.Code == http.StatusNotFound {
			t.Errorf("%s is not there", path)
		}
	}
}

func TestGuardHost(t *testing.T) {
	h := (&fixture{}).handler()
	check := func(host string, want int) {
		t.Helper()
		if w := ask(h, "GET", "/healthz", "Host: "+host); w.Code != want {
			t.Errorf("Host: %s: %d, want %d", host, w.Code, want)
		}
	}
	check("localhost", 200)
	check("LocalHost:9900", 200)
	check("localhost.:9900", 200)
	check("127.0.0.1", 200)
	check("127.8.9.10:1", 200)
	check("[::1]:9900", 200)
	check("[::1]", 200)
	check("[::ffff:127.0.0.1]", 200)
	check("rebound.example:9900", 421)
	check("localhost.example", 421)
	check("127.0.0.1.example", 421)
	check("192.0.2.1:9900", 421)
	check("0.0.0.0:9900", 421)
	check("", 421)
}

func TestGuardPages(t *testing.T) {
	f := &fixture{}
	h := f.handler()
	check := func(want int, method, target string, fields ...string) {
		t.Helper()
		if w := ask(h, method, target, fields...); w.Code != want {
			t.Errorf("%s %s %q: %d, want %d", method, target, fields, w.Code, want)
		}
	}
	const site, mode, dest = "Sec-Fetch-Site: ", "Sec-Fetch-Mode: ", "Sec-Fetch-Dest: "
	check(200, "POST", "/reload")
	check(200, "POST", "/reload", site+"same-origin", "Origin: http://127.0.0.1:9900")
	check(200, "POST", "/reload", site+"none")
	check(200, "POST", "/reload", "Origin: http://127.0.0.1:9900")
	allowed := f.reloads
	check(403, "POST", "/reload", site+"cross-site")
	check(403, "POST", "/reload", site+"same-site")
	check(403, "POST", "/reload", site+"cross-site", mode+"navigate", dest+"document")
	check(403, "POST", "/reload", "Origin: https://a.example")
	check(403, "POST", "/reload", "Origin: null")
	check(403, "POST", "/reload", "Origin: http://127.0.0.1:3000")
	if f.reloads != allowed {
		t.Errorf("%d foreign reloads", f.reloads-allowed)
	}
	// A window that a foreign page opens is a navigation: only the dashboard is there to be linked to.
	check(200, "GET", "/", site+"cross-site", mode+"navigate", dest+"document")
	check(200, "GET", "/?x", site+"same-site", mode+"navigate", dest+"document")
	check(403, "GET", "/", site+"cross-site", mode+"navigate", dest+"iframe")
	for _, path := range []string{"/config", "/status", "/refused", "/shadow", "/metrics", "/healthz", "/readyz", "/explain?x", "/dashboard/",
		"/debug/pprof/", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace", "/debug/pprof/heap?gc=1", "//debug/pprof/profile", "/nothing"} {
		check(403, "GET", path, site+"cross-site", mode+"navigate", dest+"document")
		check(403, "GET", path, site+"same-site", mode+"navigate", dest+"document")
	}
	check(200, "GET", "/config", site+"none", mode+"navigate", dest+"document")
	check(200, "GET", "/config", site+"same-origin", mode+"navigate", dest+"document")
	check(403, "GET", "/config", site+"cross-site", mode+"navigate", dest+"iframe")
	check(403, "GET", "/config", site+"cross-site", mode+"no-cors", dest+"image")
	check(403, "GET", "/config", site+"same-site", mode+"cors", dest+"empty")
	check(200, "GET", "/config", site+"same-origin", mode+"cors", dest+"empty")
	w := ask(h, "GET", "/config", "Origin: https://a.example")
	if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Errorf("fields: %v", w.Header())
	}
}

// On a Unix socket any Host will do, and on a TCP listener its own address.
func TestGuardListener(t *testing.T) {
	check := func(network, address, host string, want int) {
		t.Helper()
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: (&fixture{}).handler()}
		done := make(chan struct{})
		go func() { defer close(done); s.Serve(l) }()
		defer func() { s.Close(); <-done }()
		c, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(answer), fmt.Sprintf("HTTP/1.1 %d ", want)) {
			t.Errorf("%s, Host: %s: %q, %v, want %d", network, host, answer, err, want)
		}
	}
	check("unix", filepath.Join(t.TempDir(), "admin.sock"), "anything", 200)
	check("tcp", "127.0.0.1:0", "127.0.0.1", 200)
	check("tcp", "127.0.0.1:0", "anything", 421)
}

// TestStatus: what the dashboard lives on.
func TestStatus(t *testing.T) {
	h := (&fixture{ready: true, status: admin.Status{Version: "v1", Generation: 3, ReloadError: "a.toml:1: x: wrong"}}).handler()
	var s struct {
		Ready       bool
		Version     string
		Generation  int
		ReloadError string `json:"reload_error"`
		Metrics     map[string][]struct {
			Labels  map[string]string
			Value   *float64
			Count   *uint64
			Buckets [][2]any
		}
	}
	if err := json.Unmarshal(ask(h, "GET", "/status").Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if !s.Ready || s.Version != "v1" || s.Generation != 3 || s.ReloadError != "a.toml:1: x: wrong" {
		t.Errorf("%+v", s)
	}
	if c := s.Metrics["test_total"]; len(c) != 1 || c[0].Value == nil || *c[0].Value != 1 || c[0].Labels["name"] != "a" {
		t.Errorf("the counter: %+v", c)
	}
	d := s.Metrics["test_seconds"]
	if len(d) != 1 || d[0].Count == nil || *d[0].Count != 2 || fmt.Sprint(d[0].Buckets) != "[[0.5 1] [1 2] [+Inf 2]]" {
		t.Errorf("the histogram: %+v", d)
	}
}

// TestDashboardIsClosed: the page can get nothing from elsewhere, and holds no script of its own.
func TestDashboardIsClosed(t *testing.T) {
	h := (&fixture{}).handler()
	w := ask(h, "GET", "/")
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	page := w.Body.String()
	for _, bad := range []string{"http://", "src=\"//", "<style", " style=", " onclick", "<script>"} {
		if strings.Contains(strings.ReplaceAll(page, `placeholder="http`, ""), bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	for path, kind := range map[string]string{"/dashboard/main.js": "text/javascript", "/dashboard/style.css": "text/css"} {
		if w := ask(h, "GET", path); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
	if w := ask(h, "GET", "/dashboard/nothing"); w.Code != 404 {
		t.Errorf("/dashboard/nothing: %d", w.Code)
	}
}

// TestMetricsHandler: metrics and health, for the networks that may ask, and nothing else.
func TestMetricsHandler(t *testing.T) {
	f := &fixture{ready: true}
	var networks []netip.Prefix
	h := f.admin().MetricsHandler(func(from netip.Addr) bool { return admin.MayScrape(networks, from) })
	check := func(want int, from, method, target string, fields ...string) {
		t.Helper()
		r := httptest.NewRequest(method, target, nil)
		r.Host, r.RemoteAddr = "gateway.example:9901", net.JoinHostPort(from, "1234")
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s from %s %q: %d %v, want %d", method, target, from, fields, w.Code, w.Header(), want)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		check(200, "127.0.0.1", "GET", path)
		check(200, "127.0.0.1", "HEAD", path)
		check(405, "127.0.0.1", "POST", path)
		check(403, "127.0.0.1", "GET", path, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
	}
	for _, path := range []string{"/", "/config", "/status", "/refused", "/shadow", "/explain?x", "/dashboard/main.js", "/debug/pprof/", "/debug/pprof/heap", "/reload"} {
		check(404, "127.0.0.1", "GET", path)
		check(404, "127.0.0.1", "POST", path)
	}
	// By default: this machine, private and link-local networks.
	for _, from := range []string{"::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "fd00::1", "fe80::1%eth0", "169.254.0.9", "::ffff:10.0.0.1"} {
		check(200, from, "GET", "/readyz")
	}
	for _, from := range []string{"192.0.2.1", "100.64.0.1", "2001:db8::1", "::ffff:192.0.2.1"} {
		check(403, from, "GET", "/readyz")
	}
	networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fe80::/10")}
	check(200, "192.0.2.1", "GET", "/metrics")
	check(200, "::ffff:192.0.2.1", "GET", "/metrics")
	check(200, "fe80::1%eth0", "GET", "/metrics")
	check(403, "127.0.0.1", "GET", "/metrics")
	check(403, "10.1.2.3", "GET", "/config")
	f.ready = false
	check(503, "192.0.2.1", "GET", "/readyz")
	check(200, "192.0.2.1", "GET", "/healthz")
}
