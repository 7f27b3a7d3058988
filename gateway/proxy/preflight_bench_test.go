package proxy

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkPreflights is what the gateway does for a preflight where many different origins ask, in random order: with
// the cache and without it, under a policy of one pattern and of ten thousand. The origin is written into the request each time,
// as if it had just been read: the questions themselves are in no other memory.
func BenchmarkPreflights(b *testing.B) {
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf(`"https://*.%04d.myapp.com"`, i)
	}
	for _, policy := range []struct{ name, origins string }{
		{"patterns=1", `"https://*.myapp.com"`},
		{"patterns=10000", strings.Join(many, ",")},
	} {
		text := strings.Replace(benchConfig, `"https://myapp.com", "https://*.myapp.com"`, policy.origins, 1)
		for _, n := range []int{1, 100, 10_000, 100_000, 1_000_000} {
			for _, cache := range []struct{ name, key string }{{"on", "[cache]\npreflights = 2000000\n"}, {"off", "[cache]\npreflights = 0\n"}} {
				b.Run(fmt.Sprintf("%s/questions=%d/cache=%s", policy.name, n, cache.name), func(b *testing.B) {
					x := newBenchExchange(b, newBenchProxy(b, text+cache.key), preflightHead)
					x.req.Origin = []byte("https://000.0000.myapp.com")
					ask := func(i int) {
						digits := x.req.Origin[len("https://"):]
						for _, at := range [...]int{7, 6, 5, 4, 2, 1, 0} {
							digits[at] = byte('0' + i%10)
							i /= 10
						}
						x.decide()
					}
					for i := range n {
						if ask(i); x.status != 204 {
							b.Fatalf("status %d", x.status)
						}
					}
					b.ReportAllocs()
					random := uint64(1)
					for b.Loop() {
						random = random*6364136223846793005 + 1442695040888963407
						ask(int(random >> 32 * uint64(n) >> 32))
					}
				})
			}
		}
	}
}
