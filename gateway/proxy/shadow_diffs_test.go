package proxy

import (
	"strings"
	"testing"
)

const shadowedConfig = benchConfig + `
[cors.next]
origins         = ["https://myapp.com", "https://evil.example"]
methods         = ["PUT", "DELETE"]
request_headers = ["Authorization", "X-Request-ID"]
expose_headers  = ["ETag"]
max_age         = "24h"
`

func shadowed() string {
	return strings.Replace(shadowedConfig, "max_age", "shadow = \"next\"\nmax_age", 1)
}

// TestShadowAllocations: a shadow costs time, and no memory for each request.
func TestShadowAllocations(t *testing.T) {
	g := newBenchProxy(t, shadowed())
	uncached := newBenchProxy(t, shadowed()+"[cache]\npreflights = 0\n")
	f := func(name string, g *Proxy, head string, want float64) {
		t.Helper()
		x := newBenchExchange(t, g, head)
		x.decide()
		if got := testing.AllocsPerRun(100, func() { x.decide() }); got > want {
			t.Errorf("%s: %v allocations, want %v", name, got, want)
		}
	}
	f("cached preflight", g, preflightHead, 0)
	f("computed preflight", uncached, preflightHead, 0)
	f("preflight that would be allowed", g, deniedHead, 0)
	f("actual request", g, actualHead, 0)
	f("actual request that would be allowed", g, strings.Replace(actualHead, "https://myapp.com\r\nAuth", "https://evil.example\r\nAuth", 1), 0)
	if n := len(g.report.ShadowDiffs()); n != 2-1 {
		t.Errorf("%d differences: %v", n, g.report.ShadowDiffs())
	}
}

func BenchmarkShadow(b *testing.B) {
	for name, text := range map[string]string{"none": shadowedConfig, "same": shadowed()} {
		g := newBenchProxy(b, text)
		for what, head := range map[string]string{"preflight-cached": preflightHead, "preflight-denied": deniedHead, "actual": actualHead} {
			b.Run("shadow="+name+"/request="+what, func(b *testing.B) {
				x := newBenchExchange(b, g, head)
				b.ReportAllocs()
				for b.Loop() {
					x.decide()
				}
			})
		}
	}
}

// TestRefusalAllocations: nor does a refusal that is listed already.
func TestRefusalAllocations(t *testing.T) {
	g := newBenchProxy(t, benchConfig)
	f := func(name, head string) {
		t.Helper()
		x := newBenchExchange(t, g, head)
		decide := func() {
			if !x.decide() {
				x.write(502, "", "")
			}
			x.noted = false
		}
		decide()
		if got := testing.AllocsPerRun(100, decide); got > 0 {
			t.Errorf("%s: %v allocations, want none", name, got)
		}
	}
	f("denied preflight", deniedHead)
	f("denied request", strings.Replace(actualHead, "https://myapp.com\r\nAuth", "https://evil.example\r\nAuth", 1))
	if n := len(g.report.Refusals()); n != 2 {
		t.Errorf("%d refusals: %v", n, g.report.Refusals())
	}
}
