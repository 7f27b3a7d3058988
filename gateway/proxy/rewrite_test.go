package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/wire"
)

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
	g := newBenchProxy(t, changingConfig)
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
		x.head = appendFraming(x.head, x.req, 0)
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
	g := newBenchProxy(b, changingConfig)
	x := newBenchExchange(b, g, actualHead)
	res := &wire.Response{}
	res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128})
	b.ReportAllocs()
	for b.Loop() {
		x.id = x.id[:0]
		x.decide()
		x.head = appendFraming(x.head, x.req, 0)
		x.finish(res)
	}
}
