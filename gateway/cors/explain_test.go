package cors_test

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/google/go-cmp/cmp"
)

func TestSafelistedRequestHeader(t *testing.T) {
	f := func(name, value string, want bool) {
		t.Helper()
		if got := cors.SafelistedRequestHeader(cors.RequestHeader{Name: name, Value: value}); got != want {
			t.Errorf("SafelistedRequestHeader(%s: %s) = %t, want %t", name, value, got, want)
		}
	}
	f("Accept", "", true)
	f("accept", "text/html;q=0.9, */*", true)
	f("accept", `text/html;a="b"`, false)
	f("Accept", strings.Repeat("a", 128), true)
	f("Accept", strings.Repeat("a", 129), false)
	f("Accept-Language", "de-DE, en;q=0.5, *", true)
	f("Accept-Language", "de_DE", false)
	f("Content-Language", "en", true)
	f("Content-Type", "text/plain", true)
	f("Content-Type", "text/plain; a", true)
	f("Content-Type", "text/plain;;charset=a;charset=b", true)
	f("Content-Type", "text/plain; charset=utf-8, text/html", true)
	f("Content-Type", "text/plain, text/html", false)
	f("Content-Type", "TEXT/PLAIN;charset=utf-8", true)
	f("content-type", "multipart/form-data; boundary=x", true)
	f("content-type", "application/x-www-form-urlencoded", true)
	f("Content-Type", "application/json", false)
	f("Content-Type", `text/plain; a="b"`, false)
	f("Content-Type", "", false)
	f("Range", "bytes=0-", true)
	f("Range", "bytes=0-255", true)
	f("Range", "bytes=9-10", true)
	f("Range", "bytes=10-9", false)
	f("Range", "bytes=-5", false)
	f("Range", "bytes=0-1,3-4", false)
	f("Range", "lines=0-", false)
	f("X-Foo", "a", false)
	f("Authorization", "", false)
}

func TestUnsafeHeaders(t *testing.T) {
	f := func(headers []cors.RequestHeader, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, cors.UnsafeHeaders(headers)); diff != "" {
			t.Errorf("UnsafeHeaders(%v) (-want +got):\n%s", headers, diff)
		}
	}
	h := func(name, value string) cors.RequestHeader { return cors.RequestHeader{Name: name, Value: value} }
	f(nil)
	f([]cors.RequestHeader{h("Accept", "a"), h("X-B", ""), h("X-A", "")}, "x-b", "x-a")
	var many []cors.RequestHeader
	for range 8 {
		many = append(many, h("Accept", strings.Repeat("a", 128)))
	}
	f(many)
	f(append(many, h("X-A", ""), h("Accept-Language", "e")),
		"x-a", "accept", "accept", "accept", "accept", "accept", "accept", "accept", "accept", "accept-language")
}

// The parts decide as the whole does.
func TestAllowsParts(t *testing.T) {
	f := func(cfg cors.Config, method, header string, wantMethod, wantHeader bool) {
		t.Helper()
		cfg.Origins = []string{"https://a.example"}
		p, problems := cors.New(cfg)
		if p == nil {
			t.Fatal(problems)
		}
		if got := p.AllowsMethod(method); got != wantMethod {
			t.Errorf("AllowsMethod(%s) = %t", method, got)
		}
		if got := p.AllowsHeader(header); got != wantHeader {
			t.Errorf("AllowsHeader(%s) = %t", header, got)
		}
		ask := func(method string, headers ...[]byte) bool {
			_, reason := p.AppendPreflight(nil, &cors.Preflight{Origin: []byte("https://a.example"), OriginLines: 1,
				Method: []byte(method), MethodLines: 1, Headers: headers})
			return reason == cors.Allowed
		}
		if ask(method) != wantMethod || ask("GET", []byte(header)) != wantHeader {
			t.Errorf("%+v, %s, %s: the whole decides otherwise", cfg, method, header)
		}
	}
	f(cors.Config{}, "POST", "x-a", true, false)
	f(cors.Config{Methods: []string{"PUT"}, RequestHeaders: []string{"X-A"}}, "PUT", "x-a", true, true)
	f(cors.Config{Methods: []string{"PUT"}, RequestHeaders: []string{"X-A"}}, "put", "X-B", false, false)
	f(cors.Config{Methods: []string{"*"}, RequestHeaders: []string{"*"}}, "ANY", "authorization", true, false)
	f(cors.Config{Methods: []string{"*"}, RequestHeaders: []string{"*"}, Credentials: true}, "ANY", "authorization", true, true)
}
