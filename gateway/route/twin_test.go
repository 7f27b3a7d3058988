package route_test

import (
	"math/rand/v2"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/route"
)

// This file holds the slow twin of a table: every rule is tried in turn and the most specific
// kept; every reading of a path is made by every sequence of repairs.

// slowFind returns the most specific of the rules that take a request, or -1.
func slowFind(rules []route.Rule, host, path, method string) int {
	best, rank := -1, []int(nil)
	for i, r := range rules {
		hosts := r.Hosts
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, h := range hosts {
			if !slowHost(h, host) || !slowPath(r.Path, path) || len(r.Methods) > 0 && !slices.Contains(r.Methods, method) {
				continue
			}
			now := []int{0, len(h), len(segments(r.Path)), min(len(r.Methods), 1)}
			if h != "" && h[0] != '*' {
				now[0] = 1
			}
			if best < 0 || slices.Compare(now, rank) > 0 {
				best, rank = i, now
			}
		}
	}
	return best
}

func slowHost(pattern, host string) bool {
	if i := strings.LastIndex(host, ":"); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return pattern == "" || pattern == host
}

func slowPath(prefix, path string) bool {
	want, got := segments(prefix), strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(want) > len(got) || path[0] != '/' && len(want) > 0 {
		return false
	}
	for i, w := range want {
		for w != got[i] {
			if d := slowDecode(w); d != w {
				w = d
				continue
			}
			return false
		}
	}
	return true
}

func segments(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}

var (
	escape    = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	parameter = regexp.MustCompile(`;[^/]*`)
	authority = regexp.MustCompile(`^//[^/]*/?`)
	slashes   = regexp.MustCompile(`/+`)
	dots      = regexp.MustCompile(`(^|[/\\])\.\.?(;[^/\\]*)?([/\\]|$)`)
)

func slowDecode(s string) string {
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		d, err := url.PathUnescape(e)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return d
	})
}

// slowReadings returns every path that some sequence of repairs makes of p, p first.
func slowReadings(p string) []string {
	repairs := []func(string) string{
		slowDecode,
		func(s string) string { return strings.ReplaceAll(s, `\`, "/") },
		func(s string) string { return parameter.ReplaceAllString(s, "") },
		func(s string) string { return slashes.ReplaceAllString(s, "/") },
		path.Clean,
	}
	all := []string{p}
	if strings.HasPrefix(p, "//") { // a reference to another host, to some
		all = append(all, authority.ReplaceAllString(p, "/"))
	}
	for i := 0; i < len(all) && len(all) < 2000; i++ {
		for _, repair := range repairs {
			if s := repair(all[i]); !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// deep reports whether escapes are left in s after as many decodings as Find makes.
func deep(s string) bool {
	for range 3 {
		s = slowDecode(s)
	}
	return escape.MatchString(s)
}

// checkFind compares Find with its twin for one request.
func checkFind(t *testing.T, rules []route.Rule, tab *route.Table, host, path, method string) {
	t.Helper()
	want := slowFind(rules, host, path, method)
	plain := !dots.MatchString(path) && !strings.ContainsAny(path, `%;\`) && !strings.Contains(path, "//")
	got, miss := tab.Find([]byte(host), []byte(path), []byte(method), plain)
	if plain {
		if got != want || (miss == route.Found) != (got >= 0) {
			t.Fatalf("Find(%q, %q, %q) = %d, %d, want %d; rules %v", host, path, method, got, miss, want, rules)
		}
		// A plain path has one reading.
		if slow, _ := tab.Find([]byte(host), []byte(path), []byte(method), false); slow != got {
			t.Fatalf("Find(%q, plain) = %d, but %d the long way", path, got, slow)
		}
		return
	}
	agreed := !deep(path)
	odd := path
	for _, reading := range slowReadings(path) {
		if dots.MatchString(reading) || slowFind(rules, host, reading, method) != want {
			agreed, odd = false, reading
		}
	}
	if agreed == miss.Misread() || agreed && got != want || !agreed && got != -1 {
		t.Fatalf("Find(%q, %q, %q) = %d, %d, want %d, agreed %t (%q); rules %v", host, path, method, got, miss, want, agreed, odd, rules)
	}
}

// randomRules returns rules without conflict.
func randomRules(r *rand.Rand, n int) []route.Rule {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var rules []route.Rule
	for range n {
		rule := route.Rule{Path: "/"}
		for range r.IntN(3) {
			rule.Hosts = append(rule.Hosts, pick("a.test", "b.a.test", "*.test", "*.a.test", "[::1]"))
		}
		for range r.IntN(4) {
			rule.Path += pick("a", "b", "admin", "%C3%A9", "a") + "/"
		}
		for range r.IntN(3) * r.IntN(2) {
			rule.Methods = append(rule.Methods, pick("GET", "PUT", "POST"))
		}
		if _, conflicts := route.New(append(rules, rule)); len(conflicts) == 0 {
			rules = append(rules, rule)
		}
	}
	return rules
}

func randomPath(r *rand.Rand) string {
	bits := []string{"/", "/", "/", "/", "a", "b", "admin", "%61", "%C3%A9", "%2f", "%5c", ";x", "%3b", "%252f", "%253b", "//", "/b", "/a", "é"}
	p := "/"
	for range r.IntN(9) {
		p += bits[r.IntN(len(bits))]
	}
	if r.IntN(8) == 0 {
		p += []string{"/..", "/.", "..;", "%2e%2e", "/%252e", ".x"}[r.IntN(6)]
	}
	return p
}

var hosts = []string{"a.test", "b.a.test", "A.TEST:80", "c.b.a.test.", "x.test", "test", "[::1]:80", "elsewhere", ""}

func TestFindTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		rules := randomRules(r, 1+r.IntN(12))
		tab, _ := route.New(rules)
		for range 40 {
			checkFind(t, rules, tab, hosts[r.IntN(len(hosts))], randomPath(r), []string{"GET", "PUT", "DELETE"}[r.IntN(3)])
		}
	}
}

// Two rules conflict if and only if they name a host pattern, a path and a method both.
func TestNewTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	same := func(a, b route.Rule) bool {
		both := func(x, y []string) bool {
			return len(x) == 0 && len(y) == 0 || slices.ContainsFunc(x, func(s string) bool { return slices.Contains(y, s) })
		}
		return both(a.Hosts, b.Hosts) && slices.Equal(segments(a.Path), segments(b.Path)) && both(a.Methods, b.Methods)
	}
	for range 3000 {
		a, b := randomRules(r, 1)[0], randomRules(r, 1)[0]
		if _, conflicts := route.New([]route.Rule{a, b}); (len(conflicts) > 0) != same(a, b) {
			t.Fatalf("New(%v, %v): conflicts %v, want %t", a, b, conflicts, same(a, b))
		}
	}
}

func FuzzFind(f *testing.F) {
	// Paths that servers are known to read differently.
	for _, p := range []string{"/public/../admin", "/%61dmin", "/admin%2f..", "/a/..;/admin", "/admin;x=1", "//admin", `/a\admin`,
		"/a%252fadmin", "/x%2f..%2fadmin%2f%252e%252e", "/%61dmin;x%2fy/a", "/%61dmin%3bx%5cy/a", "/a%2Fb", "*"} {
		f.Add(uint64(1), p, "a.test")
	}
	f.Fuzz(func(t *testing.T, seed uint64, path, host string) {
		if path == "" || path[0] != '/' && path != "*" || len(path) > 60 || !slices.Contains(hosts, host) {
			return
		}
		rules := randomRules(rand.New(rand.NewPCG(seed, 5)), 8)
		tab, _ := route.New(rules)
		checkFind(t, rules, tab, host, path, "GET")
	})
}
