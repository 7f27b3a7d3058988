package gateway

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/wire"
)

// rewriting returns a snapshot with one route, which has the path that it strips.
func rewriting(strip, add string, m *metrics) (*snapshot, error) {
	cfg, err := config.Parse("f.toml", fmt.Appendf(nil, "[upstream.api]\nendpoints = [\"http://127.0.0.1:1\"]\n[route.api]\npath = %q\nupstream = \"api\"\nstrip_prefix = %q\nadd_prefix = %q\n", strip, strip, add))
	if err != nil {
		return nil, err
	}
	s, problems, _ := compile(cfg, nil, m)
	if len(problems) > 0 {
		return nil, problems
	}
	return s, nil
}

// FuzzRewrite: whatever path leads to a route, what the upstream gets is the configured prefix and
// the rest of the octets, and a path that the gateway itself would take; or the request is refused.
func FuzzRewrite(f *testing.F) {
	for _, path := range []string{"/api", "/api/", "/api//x", "/api/a//b", "/api/caf%c3%a9;x=1", "/api/..", "/api/%2e%2e/x", "/%61pi/x", "/api/.../x", "/api/%2Fx", "/api/;/x", "*"} {
		f.Add("/api", "", path)
		f.Add("/api/", "/v2/", path)
		f.Add("", "/v2/x", path)
	}
	g := &Gateway{log: slog.New(slog.DiscardHandler), metrics: newMetrics(), pseudonym: "cg-test"}
	f.Fuzz(func(t *testing.T, strip, add, path string) {
		s, err := rewriting(strip, add, g.metrics)
		if err != nil || strip == "" && add == "" {
			t.Skip("no such configuration")
		}
		limits := wire.Limits{HeadBytes: 64 << 10, Fields: 16}
		x := &exchange{g: g, s: s, req: new(wire.Request)}
		if n, fault := x.req.Parse([]byte("OPTIONS "+path+" HTTP/1.1\r\nHost: h\r\n\r\n"), limits); fault != nil || n == 0 || x.req.Query != nil {
			t.Skip("no such request")
		}
		if x.begin() {
			return
		}
		_, line, _ := strings.Cut(string(x.head), " ")
		got, _, _ := strings.Cut(line, " ")
		if want := slowRewrite(strip, add, string(x.req.Path)); got != want {
			t.Errorf("%q without %q and with %q: %q, want %q", path, strip, add, got, want)
		}
		var again wire.Request
		if n, fault := again.Parse([]byte("OPTIONS "+got+" HTTP/1.1\r\nHost: h\r\n\r\n"), limits); fault != nil || n == 0 {
			t.Errorf("%q became %q, which is refused: %v", path, got, fault)
		}
		for _, reading := range []string{got, strings.ReplaceAll(strings.ToLower(got), "%2e", ".")} {
			if strings.Contains(reading+"/", "/../") || strings.Contains(reading+"/", "/./") {
				t.Errorf("%q became %q, which has a dot segment", path, got)
			}
		}
	})
}

// slowRewrite is a rewrite with strings.
func slowRewrite(strip, add, path string) string {
	if path == "*" {
		return path
	}
	segments := strings.Split(path, "/")[1:]
	for s := range strings.SplitSeq(strip, "/") {
		if s != "" {
			segments = segments[1:]
		}
	}
	add = strings.TrimRight(add, "/")
	if len(segments) == 0 {
		return cmp.Or(add, "/")
	}
	return add + "/" + strings.Join(segments, "/")
}

// Prefixes to add are paths that everybody reads alike.
func TestAddPrefixIsPlain(t *testing.T) {
	m := newMetrics()
	f := func(add string, ok bool) {
		t.Helper()
		_, err := rewriting("", add, m)
		if (err == nil) != ok {
			t.Errorf("add_prefix %q: %v", add, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "f.toml:7: route.api.add_prefix: ") {
			t.Errorf("add_prefix %q: %v", add, err)
		}
	}
	f("/v2", true)
	f("/v2/", true)
	f("/v2/a.b/...", true)
	f("//host", false)
	f("/a//b", false)
	f("/..", false)
	f("/a/./b", false)
	f("/%2e%2e", false)
	f("/a%2fb", false)
	f("/a%", false)
	f("/a;b", false)
	f(`/a"b`, false)
	f("/a<b", false)
}

// TestOwnedFields: what the configuration refuses to set or to remove is what the gateway writes
// itself or never passes on.
func TestOwnedFields(t *testing.T) {
	refused := func(key, name string) bool {
		value := fmt.Sprintf("[%q]", name)
		if strings.Contains(key, "_set_") {
			value = fmt.Sprintf("{ %q = \"x\" }", name)
		}
		_, err := config.Parse("f.toml", fmt.Appendf(nil, "[upstream.api]\nendpoints = [\"http://127.0.0.1:1\"]\n[route.api]\nupstream = \"api\"\n%s = %s\n", key, value))
		return err != nil
	}
	for _, name := range []string{"Connection", "Transfer-Encoding", "Upgrade", "TE", "Trailer", "Keep-Alive", "Proxy", "Proxy-Connection",
		"Proxy-Authenticate", "Proxy-Authorization", "HTTP2-Settings", "Content-Length", "Host", "Via", "Forwarded", "X-Forwarded-For",
		"X-Forwarded-Proto", "X-Forwarded-Host", "Expect", "Date", "Cookie", "Authorization", "X-Forwarded-Prefix", "X-Real-IP", "Origin", "Server",
		"Set-Cookie", "Content-Type", "ETag", "X_Underscored"} {
		id := wire.Identify([]byte(name))
		request := id.HopByHop() || id == wire.ContentLength || id == wire.Host || id == wire.Via || id == wire.Expect ||
			id.Forwarding() && id != wire.XForwardedOther
		response := id.HopByHop() || id == wire.ContentLength || id == wire.Date
		for key, want := range map[string]bool{
			"request_set_headers": request, "request_remove_headers": request,
			"response_set_headers": response, "response_remove_headers": response,
		} {
			if got := refused(key, strings.ToLower(name)); got != want {
				t.Errorf("%s of %s: refused %t, want %t", key, name, got, want)
			}
		}
	}
}

const changingConfig = `
[upstream.api]
endpoints = ["http://127.0.0.1:1"]

[upstream.next]
endpoints = ["http://127.0.0.1:1"]

[cors.app]
origins         = ["https://myapp.com", "https://*.myapp.com"]

[route.api]
path         = "/api"
strip_prefix = "/api"
add_prefix   = "/v2"
cors         = "app"
split        = [{ upstream = "api", weight = 1 }, { upstream = "next", weight = 1 }]
split_key    = "header:Authorization"
request_remove_headers  = ["User-Agent"]
response_remove_headers = ["Server"]
request_set_headers  = { X-Real-IP = "$client_ip", X-Id = "$request_id", X-From = "$scheme://$host" }
response_set_headers = { X-Id = "$request_id", X-From = "$client_ip, $scheme, $host", Vary = "Accept", Cache-Control = "no-store" }
`

// Changes cost no allocation.
func TestChangesAllocateNothing(t *testing.T) {
	g := newBenchGateway(t, changingConfig)
	x := newBenchExchange(t, g, actualHead)
	res := &wire.Response{}
	if _, fault := res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128}); fault != nil {
		t.Fatal(fault)
	}
	work := func() {
		x.id = x.id[:0]
		if x.decide() {
			t.Fatal("answered")
		}
		x.frameLength(0)
		x.finish(res)
	}
	work()
	if got := testing.AllocsPerRun(100, work); got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
	if !strings.HasPrefix(string(x.head), "GET /v2/users?page=2 HTTP/1.1\r\n") {
		t.Errorf("%q", x.head)
	}
}

// BenchmarkChanges is BenchmarkDecide for a route that changes what passes.
func BenchmarkChanges(b *testing.B) {
	g := newBenchGateway(b, changingConfig)
	x := newBenchExchange(b, g, actualHead)
	res := &wire.Response{}
	res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128})
	b.ReportAllocs()
	for b.Loop() {
		x.id = x.id[:0]
		x.decide()
		x.frameLength(0)
		x.finish(res)
	}
}
