package gateway

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
)

func shadowedTarget(name string) *target {
	return &target{name: name, shadow: &shadow{tables: [2]*config.CORS{{Name: "app"}, {Name: "next"}}}}
}

// FuzzShadowTop holds the list to exact counts: each entry is at most Over too high and never too low, what is not in
// the list is no more frequent than its rarest entry, and nothing is counted that did not happen.
func FuzzShadowTop(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint16(1000))
	f.Add(uint64(2), uint16(1000), uint16(5000))
	f.Add(uint64(3), uint16(257), uint16(257))
	f.Fuzz(func(t *testing.T, seed uint64, origins, n uint16) {
		top, exact := &shadowTop{}, map[string]uint64{}
		r := rand.New(rand.NewPCG(seed, 0))
		routes := []*target{shadowedTarget("a"), shadowedTarget("b")}
		for range n {
			// Low numbers are much more frequent than high ones.
			i := r.IntN(1 + r.IntN(1+int(origins)))
			d := difference{change: 1 + change(i%3), reason: cors.OriginNotAllowed}
			target, origin := routes[i/3%2], fmt.Sprintf("https://a%d.example", i)
			top.note(target, d, []byte(origin), time.Time{})
			exact[target.name+" "+origin+" "+changeNames[d.change]]++
		}
		var sum, least uint64
		for _, d := range top.list() {
			key := d.Route + " " + d.Origin + " " + d.Change
			if truth := exact[key]; d.Count < truth || d.Count-d.Over > truth {
				t.Errorf("%s: %d, at most %d too high, want %d", key, d.Count, d.Over, truth)
			}
			delete(exact, key)
			sum, least = sum+d.Count, d.Count
		}
		for key, truth := range exact {
			if truth > least || len(top.entries) < maxShadowDiffs {
				t.Errorf("%s: %d, is not in the list, whose rarest has %d", key, truth, least)
			}
		}
		if sum != uint64(n) || len(top.entries) > maxShadowDiffs || len(top.index) != len(top.entries) {
			t.Errorf("%d of %d in %d entries, %d in the index", sum, n, len(top.entries), len(top.index))
		}
	})
}

// TestShadowTopText: only valid origins are kept as they are.
func TestShadowTopText(t *testing.T) {
	f := func(origin, want string) {
		t.Helper()
		var top shadowTop
		top.note(shadowedTarget("r"), difference{change: otherFields}, []byte(origin), time.Time{})
		if got := top.list()[0].Origin; got != want {
			t.Errorf("Origin %q is listed as %q, want %q", origin, got, want)
		}
	}
	f("https://a.example:8443", "https://a.example:8443")
	f("null", "null")
	f("a\r\nb\x00\x1b[31m\"é\u202e", `"a\r\nb\x00\x1b[31m\"\u00e9\u202e"`)
	f(strings.Repeat("x", 5000), `"`+strings.Repeat("x", maxQuoted)+`"`)
	f("", `""`)
}

func TestShadowTopKeep(t *testing.T) {
	var top shadowTop
	for i := range 10 {
		for _, r := range []string{"a", "b"} {
			top.note(shadowedTarget(r), difference{change: allowedToDenied}, fmt.Appendf(nil, "https://a%d.example", i), time.Time{})
		}
	}
	top.keep(map[string]bool{"b": true})
	top.note(shadowedTarget("b"), difference{change: allowedToDenied}, []byte("https://a3.example"), time.Time{})
	list := top.list()
	if len(list) != 10 || list[0].Count != 2 || slices.ContainsFunc(list, func(d ShadowDiff) bool { return d.Route != "b" }) {
		t.Errorf("%+v", list)
	}
}

func TestShadowTopConcurrently(t *testing.T) {
	var top shadowTop
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 1000 {
				top.note(shadowedTarget("r"), difference{change: allowedToDenied}, fmt.Appendf(nil, "https://a%d.example", i%300), time.Time{})
				if i%100 == 0 {
					top.list()
					top.keep(map[string]bool{"r": true})
				}
			}
		})
	}
	all.Wait()
}

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
	g := newBenchGateway(t, shadowed())
	uncached := newBenchGateway(t, shadowed()+"[cache]\npreflights = 0\n")
	f := func(name string, g *Gateway, head string, want float64) {
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
	if n := len(g.ShadowDiffs()); n != 2-1 {
		t.Errorf("%d differences: %v", n, g.ShadowDiffs())
	}
}

func BenchmarkShadow(b *testing.B) {
	for name, text := range map[string]string{"none": shadowedConfig, "same": shadowed()} {
		g := newBenchGateway(b, text)
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
