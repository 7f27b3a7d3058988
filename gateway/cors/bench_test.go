package cors_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/cors"
)

// A row is one decision to measure: reused requests into a reused buffer, as the gateway makes them.
type row struct {
	name string
	run  func(dst []byte) []byte
}

func rows(t testing.TB) []row {
	listed := cors.Config{Methods: []string{"PUT", "DELETE", "PATCH"}, MaxAge: seconds(600), ExposeHeaders: []string{"X-Total"},
		RequestHeaders: []string{"Content-Type", "X-Request-Id", "Authorization"}, Origins: []string{"https://app.example.com"}}
	named := listed
	named.RefusedPreflight, named.PreflightHeaders = 204, map[string]string{"Cache-Control": "no-store", "Vary": "Accept"}
	many := listed
	many.Origins = nil
	for i := range 10000 {
		many.Origins = append(many.Origins, fmt.Sprintf("https://tenant-%d.example.com", i))
	}
	echo := cors.Config{Origins: []string{"https://*.example.com"}, Methods: []string{"*"}, RequestHeaders: []string{"*"}, Credentials: true}
	const origin, evil = "https://app.example.com", "https://evil.test"
	preflight := func(name string, cfg cors.Config, origin, method string, headers ...string) row {
		p, req := policy(t, cfg), ask{[]string{origin}, []string{method}, headers, false}.preflight()
		return row{"preflight=" + name, func(dst []byte) []byte { dst, _ = p.AppendPreflight(dst, req); return dst }}
	}
	actual := func(name string, cfg cors.Config, origin string) row {
		p, o := policy(t, cfg), []byte(origin)
		return row{"actual=" + name, func(dst []byte) []byte { dst, _ = p.AppendActual(dst, o, 1); return dst }}
	}
	varies := [][]byte{[]byte("Accept-Encoding, Accept"), []byte("origin")}
	p, o := policy(t, echo), []byte(origin)
	same := []byte("Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: PUT\r\nVary: Origin\r\n")
	return []row{
		{"effect=same", func(dst []byte) []byte { cors.SameEffect(same, same); return dst }},
		preflight("allowed", listed, origin, "PUT", "authorization,content-type"),
		preflight("allowed-of-10000", many, "https://tenant-777.example.com", "PUT", "authorization,content-type"),
		preflight("denied-origin", listed, evil, "PUT", "authorization"),
		preflight("denied-method", listed, origin, "PURGE"),
		preflight("denied-header", listed, origin, "PUT", "authorization,x-evil"),
		preflight("denied-header-by-name", named, origin, "PUT", "authorization,x-evil"),
		preflight("echo", echo, origin, "PURGE", "authorization,content-type,x-request-id"),
		preflight("hostile-commas", listed, origin, "PUT", strings.Repeat(",", 4096)),
		preflight("hostile-names", echo, origin, "PUT", strings.Repeat("x-a,", 63)+"x-b"),
		preflight("hostile-name", listed, origin, "PUT", strings.Repeat("x", 4096)),
		preflight("malformed-origin", listed, "https://"+strings.Repeat("a.", 2000), "PUT"),
		actual("allowed", listed, origin),
		actual("allowed-of-10000", many, "https://tenant-777.example.com"),
		actual("denied", listed, evil),
		actual("static", cors.Config{Origins: []string{"*"}}, origin),
		{"vary=merge", func(dst []byte) []byte { return cors.AppendVary(dst, varies, "Origin") }},
		{"origin=allowed", func(dst []byte) []byte { p.AllowedOrigin(o); return dst }},
	}
}

func BenchmarkPolicy(b *testing.B) {
	for _, r := range rows(b) {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 8192)
			for b.Loop() {
				r.run(dst)
			}
		})
	}
}

func TestNoAllocation(t *testing.T) {
	for _, r := range rows(t) {
		dst := make([]byte, 0, 8192)
		if n := testing.AllocsPerRun(100, func() { r.run(dst) }); n != 0 {
			t.Errorf("%s: %v allocations", r.name, n)
		}
	}
}
