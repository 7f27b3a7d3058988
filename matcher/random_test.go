package matcher_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/matcher"
)

// A generator makes patterns and origins from few labels, so that they meet.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) host(label func() string) string {
	if g.IntN(12) == 0 {
		return g.address()
	}
	labels := []string{g.pick("com", "test", "example")}
	for range 1 + g.IntN(4) {
		labels = append(labels, label())
	}
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

func (g generator) address() string {
	return g.pick("127.0.0.1", "10.0.0.1", "10.0.0.255", "10.0.1.7", "10.1.0.1", "9.255.255.255", "11.0.0.0", "[::1]", "[2001:db8::1]", "[2001:db8:0:1::1]",
		"[2001:db9::]", "[::ffff:a00:1]")
}

func (g generator) network() string {
	return g.pick("10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.1/32", "0.0.0.0/0", "127.0.0.0/8", "10.1.0.0/16", "[::/0]", "[2001:db8::/32]", "[2001:db8::/64]",
		"[2001:db8::1/128]", "[::]/1", "[::ffff:0:0/96]", "[2001:db8:0:1::/63]")
}

func (g generator) label() string {
	if g.IntN(8) == 0 {
		return fmt.Sprintf("n%d", g.IntN(40))
	}
	return g.pick("a", "b", "ab", "aba", "abab", "a-b", "aab", "www")
}

func (g generator) glob() string {
	if g.IntN(3) > 0 {
		return g.label()
	}
	return g.pick("*", "*", "a*", "*b", "a*b", "*a*", "a*b*", "*-*", "a*a*b", "aa*b", "n*", "n1*", "*1")
}

func (g generator) pattern() string {
	if g.IntN(500) == 0 {
		return g.pick("*", "null", "file://")
	}
	switch g.IntN(16) {
	case 0:
		return g.pick("tauri://*", "https://*", "tauri://.", "tauri://1.2", "tauri://a.com")
	case 1:
		return g.pick("https", "https", "http") + "://" + g.network() + g.pick("", "", ":*", ":8080", ":8443")
	}
	return g.pick("https", "https", "http") + "://" + g.host(g.glob) + g.pick("", "", ":*", ":8080", ":8443")
}

// origin returns one that is near one of texts, half of the time.
func (g generator) origin(texts []string) string {
	s := g.pick("https", "https", "http", "tauri") + "://" + g.host(g.label) + g.pick("", "", "", ":8080", ":8443", ":1")
	if text := texts[g.IntN(len(texts))]; g.IntN(2) == 0 {
		s = strings.ReplaceAll(text, ":*", g.pick("", ":8080", ":1"))
		for strings.Contains(s, "*") {
			s = strings.Replace(s, "*", g.pick("a", "b", "ab", "ba", "aab", "-", "1"), 1)
		}
		if strings.Contains(text, "//*") && g.IntN(2) == 0 {
			s = strings.Replace(s, "//", "//"+g.label()+".", 1)
		}
	}
	switch g.IntN(20) {
	case 0:
		return g.pick("null", "null", "file://", "tauri://.", "tauri://1.2", "tauri://a.com", "tauri://..", "tauri://[::1]")
	case 4, 5:
		return g.pick("https", "http") + "://" + g.address() + g.pick("", "", ":8080", ":1")
	case 1: // one byte wrong
		i := g.IntN(len(s))
		return s[:i] + string(rune(g.IntN(256))) + s[i+1:]
	case 2: // one byte less
		i := g.IntN(len(s))
		return s[:i] + s[i+1:]
	case 3: // one byte more
		i := g.IntN(len(s))
		return s[:i] + g.pick(".", ":", "*", "A", "a", "0", "/") + s[i:]
	}
	return s
}

func (g generator) patterns(n int) (texts []string, patterns []matcher.Pattern) {
	for len(texts) < n {
		text := g.pattern()
		if p, err := matcher.ParsePattern(text); err == nil {
			texts, patterns = append(texts, text), append(patterns, p)
		}
	}
	return texts, patterns
}

func TestTwin(t *testing.T) {
	const seed = 1
	g := generator{rand.New(rand.NewPCG(seed, seed))}
	allowed, denied, globs := 0, 0, 0
	for round := range 600 {
		texts, patterns := g.patterns([]int{1, 2, 5, 20, 100, 400}[round%6])
		s := matcher.NewSet(patterns...)
		mixed := slices.Clone(patterns)
		g.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		m := matcher.NewSet(mixed...)
		for range 40 {
			origin := g.origin(texts)
			want := twinFind(texts, origin)
			if got := s.Find([]byte(origin)); got != want {
				t.Fatalf("set of %q: Find(%q) = %d, want %d", texts, origin, got, want)
			}
			if got := s.Match([]byte(origin)); got != (want >= 0) {
				t.Fatalf("set of %q: Match(%q) = %t, want %t", texts, origin, got, want >= 0)
			}
			if got := m.Match([]byte(origin)); got != (want >= 0) {
				t.Fatalf("set of %q in another order: Match(%q) = %t, want %t", texts, origin, got, want >= 0)
			}
			if want < 0 {
				denied++
				continue
			}
			allowed++
			if strings.Contains(strings.TrimPrefix(patterns[want].Host(), "*."), "*") {
				globs++
			}
		}
	}
	t.Logf("%d allowed, %d of them by globs, %d denied", allowed, globs, denied)
	if allowed < 8000 || globs < 2000 || denied < 8000 {
		t.Error("the origins are too much alike")
	}
}

func FuzzSet(f *testing.F) {
	f.Add("https://*.example.com\nhttps://a*b*.c*.example.com:*\nnull", "https://axb.cd.example.com:1")
	f.Add("*", "https://[::1:0:0]")
	f.Add("http://10.0.0.0/8:*\nhttp://10.1.0.0/16\nhttp://[fd00::/8]:3000\nhttps://*", "http://10.1.2.3")
	f.Add("app://.\napp://*\nfile://\nmoz-extension://*", "app://.")
	f.Add("https://a.b.c.com\nhttps://b.c.com:1\nhttps://x*.*.c.com", "https://xy.b.c.com")
	f.Fuzz(func(t *testing.T, list, origin string) {
		var texts []string
		var patterns []matcher.Pattern
		for text := range strings.SplitSeq(list, "\n") {
			if p, err := matcher.ParsePattern(text); err == nil && strings.Count(text, "*") < 8 {
				texts, patterns = append(texts, text), append(patterns, p)
			}
		}
		origins := []string{origin}
		for _, text := range texts { // origins that are close to the patterns
			origins = append(origins, text, strings.ReplaceAll(text, "*", "7"), strings.ReplaceAll(text, "*", "a.b"), strings.Replace(text, "*", "x", 1),
				strings.NewReplacer("/8", "", "/16", "", ":*", ":1").Replace(text))
		}
		s := matcher.NewSet(patterns...)
		for _, origin := range origins {
			if got, want := s.Find([]byte(origin)), twinFind(texts, origin); got != want {
				t.Errorf("set of %q: Find(%q) = %d, want %d", texts, origin, got, want)
			}
			if got, want := s.Match([]byte(origin)), twinFind(texts, origin) >= 0; got != want {
				t.Errorf("set of %q: Match(%q) = %t, want %t", texts, origin, got, want)
			}
			if got, want := matcher.ValidOrigin([]byte(origin)), origin != "null" && twinMatch("*", origin); got != want {
				t.Errorf("ValidOrigin(%q) = %t, want %t", origin, got, want)
			}
		}
	})
}
