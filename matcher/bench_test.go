package matcher_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/matcher"
)

// manyExact returns n different exact patterns, most of them alone under their registrable domain.
func manyExact(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		switch i % 4 {
		case 0:
			texts[i] = fmt.Sprintf("https://tenant%d.com", i)
		case 1:
			texts[i] = fmt.Sprintf("https://shop%d.example.com", i)
		default:
			texts[i] = fmt.Sprintf("https://app%d.tenant%d.com", i, i)
		}
	}
	return texts
}

func benchmarkMatch(b *testing.B, name string, s *matcher.Set, want bool, origins ...string) {
	b.Run(name, func(b *testing.B) {
		list := make([][]byte, len(origins))
		for i, origin := range origins {
			list[i] = []byte(origin)
			if s.Match(list[i]) != want {
				b.Fatalf("Match(%q) = %t, want %t", origin, !want, want)
			}
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i == len(list) {
				i = 0
			}
			s.Match(list[i])
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 100, 10_000, 1_000_000} {
		exact := manyExact(n)
		s := newSet(b, exact...)
		row := func(what string) string { return fmt.Sprintf("patterns=%d/%s", n, what) }
		some := make([]string, min(n, 64))
		r := rand.New(rand.NewPCG(1, 1))
		for i := range some {
			some[i] = exact[r.IntN(n)]
		}
		all := make([]string, n)
		for i, j := range r.Perm(n) {
			all[i] = exact[j]
		}
		benchmarkMatch(b, row("origin=allowed"), s, true, some...)
		benchmarkMatch(b, row("origin=allowed-cold"), s, true, all...)
		benchmarkMatch(b, row("origin=denied"), s, false, "https://evil.tenant.com", "https://tenantx.com", "https://a.shop.example.com")
		benchmarkMatch(b, row("origin=unknown-tld"), s, false, "https://app7.tenant7.test")
		benchmarkMatch(b, row("origin=other-port"), s, false, exact[0]+":8443")

		stars := make([]string, n)
		globs := make([]string, n)
		one := make([]string, n)
		for i := range n {
			stars[i] = fmt.Sprintf("https://*.tenant%d.com", i)
			globs[i] = fmt.Sprintf("https://pr-*.tenant%d.com", i)
			one[i] = fmt.Sprintf("https://t%d-*.preview.example.com", i)
		}
		benchmarkMatch(b, row("origin=wildcard"), newSet(b, stars...), true, fmt.Sprintf("https://app.eu.tenant%d.com", n/2))
		benchmarkMatch(b, row("origin=glob"), newSet(b, globs...), true, fmt.Sprintf("https://pr-123.tenant%d.com", n/2))
		benchmarkMatch(b, row("origin=glob-one-parent"), newSet(b, one...), true, fmt.Sprintf("https://t%d-main.preview.example.com", n/2))
	}
	networks := make([]string, 10_000)
	for i := range networks {
		networks[i] = fmt.Sprintf("http://10.%d.%d.0/24:*", i/256, i%256)
	}
	for _, n := range []int{1, 10_000} {
		benchmarkMatch(b, fmt.Sprintf("networks=%d/origin=allowed", n), newSet(b, networks[:n]...), true, "http://10.0.0.77:3000")
		benchmarkMatch(b, fmt.Sprintf("networks=%d/origin=denied", n), newSet(b, networks[:n]...), false, "http://11.0.0.77:3000")
	}
	benchmarkMatch(b, "networks=ipv6/origin=allowed", newSet(b, "http://[fd00::/8]:*"), true, "http://[fd12:3456::7]:3000")
	benchmarkMatch(b, "extensions/origin=allowed", newSet(b, "moz-extension://*"), true, "moz-extension://6b1794a0-5ae6-4443-aef9-7755717bb180")
	hostile := newSet(b, "https://*.example.com", "https://a*b*c*d*e.f*.example.org")
	label := "a" + strings.Repeat("bcd", 20) + "x"
	deep := "https://" + strings.Repeat("a.", 120)
	benchmarkMatch(b, "hostile=labels", hostile, true, deep+"example.com")
	benchmarkMatch(b, "hostile=glob", hostile, false, "https://"+label+".fx.example.org")
	benchmarkMatch(b, "hostile=long", hostile, false, "https://"+deep+deep+deep+"example.com")
}

func BenchmarkNewSet(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		patterns := parse(b, manyExact(n)...)
		b.Run(fmt.Sprintf("patterns=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				matcher.NewSet(patterns...)
			}
		})
	}
}
