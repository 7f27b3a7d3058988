package proxy

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

// inRedis returns a configuration whose limit is in a server.
func inRedis(server, text string) string {
	return strings.ReplaceAll(text, "[limit.l]\n", "[limit.l]\nstore = \"redis\"\n") + "[redis]\ntimeout = \"1s\"\naddress = \"" + server + "\"\n"
}

// A limit allocates nothing, whether it lets a request pass or not, and whether it is counted here or in a Redis that does
// not answer. Of one that does, see package shared.
func TestLimitAllocations(t *testing.T) {
	for _, key := range []string{"client_ip", "origin", "header:User-Agent", "route"} {
		for rate, refused := range map[string]bool{"1000000/s": false, "1/h": true} {
			for _, text := range []string{limited(key, rate), inRedis("127.0.0.1:1", limited(key, rate))} {
				g := newBenchProxy(t, text)
				x, p := newBenchExchange(t, g, actualHead), newBenchExchange(t, g, preflightHead)
				x.address = netip.MustParseAddr("2001:db8::1")
				p.address = x.address
				for range 20 {
					x.decide()
					p.decide()
				}
				if got := testing.AllocsPerRun(1000, func() { x.decide(); p.decide() }); got > 0 {
					t.Errorf("%s: %v allocations", text, got)
				}
				if (x.status == 429) != refused || (p.status == 429) != refused {
					t.Errorf("%s: %d and %d", text, x.status, p.status)
				}
			}
		}
	}
}

// BenchmarkLimit is BenchmarkDecide for a request that a limit counts.
func BenchmarkLimit(b *testing.B) {
	run := func(name, text string) {
		b.Run(name, func(b *testing.B) {
			x := newBenchExchange(b, newBenchProxy(b, text), actualHead)
			x.address = netip.MustParseAddr("192.0.2.1")
			res := &wire.Response{}
			res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128})
			b.ReportAllocs()
			for b.Loop() {
				if !x.decide() {
					x.head = appendFraming(x.head, x.req, 0)
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
