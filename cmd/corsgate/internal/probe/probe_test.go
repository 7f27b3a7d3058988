package probe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/probe"
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

const friend = "https://app.example.com"

// run probes url and holds what is true of every report.
func run(t *testing.T, url string, origins ...string) *probe.Report {
	t.Helper()
	r, err := probe.Run(t.Context(), probe.Options{URL: url, Origins: origins, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if r.Asked > 75 {
		t.Errorf("%d questions", r.Asked)
	}
	for _, f := range r.Findings {
		if f.Text == "" || f.Fix == "" || len(f.Request) == 0 || len(f.Response) == 0 || !slices.Contains([]probe.Severity{probe.Critical, probe.High, probe.Medium, probe.Low}, f.Severity) {
			t.Errorf("finding %+v lacks something", f)
		}
	}
	return r
}

// serveGateway serves a configuration until the test ends and returns its URL.
func serveGateway(t *testing.T, text string) string {
	t.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte("[listener.http]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"off\"\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-served
	})
	return "http://" + g.Addr("http")
}

// TestCorsgate: the gateway itself has the grade A, whatever its policy and whatever its upstream says.
func TestCorsgate(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Access-Control-Allow-Origin", "*")
		w.Header().Add("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "True")
		if r.URL.Path != "/" {
			w.WriteHeader(404)
		}
	}))
	defer upstream.Close()
	f := func(policy string) {
		t.Helper()
		url := serveGateway(t, "[cors.app]\n"+policy+"\n[upstream.api]\nendpoints = [\""+upstream.URL+"\"]\n[route.api]\ncors = \"app\"\nupstream = \"api\"\n")
		r := run(t, url+"/", friend, "https://pr-1.preview.example.com")
		if r.Grade != "A" || len(r.Findings) != 0 || r.Asked < 15 {
			t.Errorf("%s: %+v", policy, r)
		}
	}
	f(`origins = ["https://app.example.com", "https://pr-*.preview.example.com"]
request_headers = ["X-B", "Authorization", "X-A"]
methods = ["PUT"]
credentials = true
max_age = "10m"`)
	f(`origins = ["https://app.example.com", "https://*.preview.example.com"]
denied = "block"
csrf = "enforce"`)
	f(`origins = ["*"]
methods = ["*"]
request_headers = ["*"]
private_network = true`)
}

func TestReport(t *testing.T) {
	ts := httptest.NewServer(listed(func(string) bool { return true }, true))
	defer ts.Close()
	r := run(t, ts.URL+"/#fragment")
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"grade F: 1 finding in ", "critical: any origin is echoed, with credentials", "(reflection)", "  > GET " + ts.URL + "/\n  > Origin: https://corsgate-probe.test\n  < 200 OK\n  < Access-Control-Allow-Origin: https://corsgate-probe.test\n", "  fix: allow a list"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("no %q in\n%s", part, &b)
		}
	}
	text, err := json.Marshal(r)
	if err != nil || bytes.Contains(text, []byte("null")) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestHostileAnswers: what a server says reaches a terminal in printable characters, and not without end.
func TestHostileAnswers(t *testing.T) {
	ts := httptest.NewServer(server(func(h http.Header, _ *http.Request) int {
		h.Set("Access-Control-Allow-Origin", "\u009b31m"+strings.Repeat("ä", 2000))
		h.Set("Access-Control-Max-Age", "\u009b0;x")
		return 0
	}))
	defer ts.Close()
	r := run(t, ts.URL, friend)
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && r < ' ' || r >= 0x7f }) || b.Len() > 10000 {
		t.Errorf("%d bytes: %q", b.Len(), &b)
	}
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Write([]byte("HTTP/1.1 200 \x1b[31m\nX \x1b: \n\n"))
			c.Close()
		}
	}))
	defer broken.Close()
	if r, err := probe.Run(t.Context(), probe.Options{URL: broken.URL, Timeout: 10 * time.Second}); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%+v, %q", r, err)
	}
}

func TestErrors(t *testing.T) {
	f := func(want string, o probe.Options) {
		t.Helper()
		if o.Timeout == 0 {
			o.Timeout = time.Second
		}
		_, err := probe.Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	f("not absolute", probe.Options{})
	f("not absolute", probe.Options{URL: "api.example.com"})
	f("not absolute", probe.Options{URL: "ftp://api.example.com"})
	f("malformed", probe.Options{URL: "http://[::1"})
	f("malformed", probe.Options{URL: "http://a\n"})
	f("user information", probe.Options{URL: "http://u:p@a.test"})
	f("write https://a.test", probe.Options{URL: "http://a.test", Origins: []string{"https://a.test/"}})
	f("write one origin", probe.Options{URL: "http://a.test", Origins: []string{"https://*.a.test"}})
	f("write one origin", probe.Options{URL: "http://a.test", Origins: []string{"null"}})
	f("at most 8", probe.Options{URL: "http://a.test", Origins: make([]string, 9)})
	f("a timeout of", probe.Options{URL: "http://a.test", Timeout: -1})
	ts := httptest.NewServer(http.NotFoundHandler())
	url := ts.URL
	ts.Close()
	f("does not answer", probe.Options{URL: url})
}
