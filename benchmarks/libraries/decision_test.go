package libraries

import (
	"fmt"
	"testing"

	"github.com/corsgate/corsgate/matcher"
)

// sizes are the numbers of origins.
var sizes = []int{1, 100, 10_000}

// wrong are the verdicts that are known to be wrong, by library and request. The README lists them: a library that
// allows what it should deny is fast at something else.
var wrong = map[string]bool{}

func TestVerdicts(t *testing.T) {
	for _, n := range sizes {
		for _, r := range requests(n) {
			for _, l := range libraries() {
				answer, fields := l.prepare(origins(n), r)
				for range 3 { // the reused response must not remember
					answer()
				}
				got, what := allows(r, fields()), l.name+" "+r.name
				if (got != r.allowed) != wrong[what] {
					t.Errorf("origins=%d: %s: a browser is allowed: %t, want %t (known to be wrong: %t); it answers %v", n, what, got, r.allowed, wrong[what], fields())
				}
			}
		}
	}
}

func BenchmarkDecision(b *testing.B) {
	for _, n := range sizes {
		for _, r := range requests(n) {
			for _, l := range libraries() {
				b.Run(fmt.Sprintf("origins=%d/request=%s/library=%s", n, r.name, l.name), func(b *testing.B) {
					answer, _ := l.prepare(origins(n), r)
					b.ReportAllocs()
					for b.Loop() {
						answer()
					}
				})
			}
		}
	}
}

// BenchmarkOrigin is the question that all others rest on, asked alone. A Go map knows exact origins only, and
// is the least that it can cost.
func BenchmarkOrigin(b *testing.B) {
	for _, n := range append(sizes, 1_000_000) {
		texts := origins(n)
		patterns := make([]matcher.Pattern, n)
		exact := make(map[string]bool, n)
		for i, text := range texts {
			p, err := matcher.ParsePattern(text)
			if err != nil {
				b.Fatal(err)
			}
			patterns[i], exact[text] = p, true
		}
		set := matcher.NewSet(patterns...)
		for _, r := range []struct{ name, origin string }{{"allowed", texts[n/2]}, {"denied", "https://evil.example.org"}} {
			origin := []byte(r.origin)
			b.Run(fmt.Sprintf("origins=%d/request=%s/library=corsgate", n, r.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					set.Match(origin)
				}
			})
			b.Run(fmt.Sprintf("origins=%d/request=%s/library=map", n, r.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_ = exact[string(origin)]
				}
			})
		}
	}
}
