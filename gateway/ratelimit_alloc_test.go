package gateway

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// limited returns benchConfig with a limit of its route.
func limited(key, rate string) string {
	return strings.Replace(benchConfig, `path     = "/api"`, "path = \"/api\"\nlimit = \"l\"", 1) + "\n[limit.l]\nrate = \"" + rate + "\"\nkey = \"" + key + "\"\n"
}

// A limit allocates nothing, whether it lets a request pass or not.
func TestLimitAllocations(t *testing.T) {
	for _, key := range []string{"client_ip", "origin", "header:User-Agent", "route"} {
		for rate, refused := range map[string]bool{"1000000/s": false, "1/h": true} {
			g := newBenchGateway(t, limited(key, rate))
			x, p := newBenchExchange(t, g, actualHead), newBenchExchange(t, g, preflightHead)
			x.client = netip.MustParseAddr("2001:db8::1")
			p.client = x.client
			for range 20 {
				x.decide()
				p.decide()
			}
			if got := testing.AllocsPerRun(100, func() { x.decide(); p.decide() }); got > 0 {
				t.Errorf("key %s: %v allocations", key, got)
			}
			if (x.status == 429) != refused || (p.status == 429) != refused {
				t.Errorf("key %s, rate %s: %d and %d", key, rate, x.status, p.status)
			}
		}
	}
}

// BenchmarkLimit is BenchmarkDecide for a request that a limit counts.
func BenchmarkLimit(b *testing.B) {
	run := func(name, text string) {
		b.Run(name, func(b *testing.B) {
			x := newBenchExchange(b, newBenchGateway(b, text), actualHead)
			x.client = netip.MustParseAddr("192.0.2.1")
			res := &wire.Response{}
			res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128})
			b.ReportAllocs()
			for b.Loop() {
				if !x.decide() {
					x.frameLength(0)
					x.finish(res)
				}
			}
		})
	}
	run("limit=none", benchConfig)
	run("limit=client_ip/allowed", limited("client_ip", "1000000/s")+"burst = 1000000\n")
	run("limit=client_ip/refused", limited("client_ip", "1/h"))
	run("limit=origin/allowed", limited("origin", "1000000/s")+"burst = 1000000\n")
}
