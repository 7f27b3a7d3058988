package commands

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

const onlyHere = "[route.all]\nhosts = [\"api.example.com\"]\nrespond = { body = \"here\" }\n"

// TestReadinessOf holds where the health check asks, by which configuration.
func TestReadinessOf(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		cfg, err := config.Parse("corsgate.toml", []byte(text+onlyHere))
		if err != nil {
			t.Fatal(err)
		}
		p, err := readinessOf(cfg)
		got := p.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	f("", "127.0.0.1:9900/readyz")
	f("[admin]\naddress = \"[::1]:9900\"\n", "[::1]:9900/readyz")
	f("[admin]\naddress = \"unix:/run/admin.sock\"\n", "/run/admin.sock/readyz")
	const off = "[admin]\naddress = \"off\"\n"
	f(off, "names no place to ask at")
	f(off+"metrics_address = \":9901\"\n", "localhost:9901/readyz")
	f(off+"metrics_address = \"0.0.0.0:9901\"\n", "127.0.0.1:9901/readyz")
	f(off+"metrics_address = \"[::]:9901\"\n", "[::1]:9901/readyz")
	f(off+"[listener.a]\naddress = \":8080\"\n[listener.b]\naddress = \":8081\"\nready_path = \"/r\"\n", "localhost:8081/r")
	f(off+"[listener.b]\naddress = \":0\"\nready_path = \"/r\"\n", "names no place to ask at")
}

// TestHealthcheckOverTLS: this machine is asked, whatever name its certificate has; a redirect is not a 200.
func TestHealthcheckOverTLS(t *testing.T) {
	ts := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/r" {
			http.Redirect(w, r, "/r", http.StatusFound)
		}
	}))
	defer ts.Close()
	at := readiness{address: config.Address(ts.Listener.Addr().String()), path: "/r", tls: true}
	if err := at.ask(t.Context()); err != nil {
		t.Error(err)
	}
	if at.path = "/x"; at.ask(t.Context()) == nil {
		t.Error("a redirect counts as ready")
	}
}
