package route_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/route"
)

func TestNearest(t *testing.T) {
	rules := []route.Rule{
		{Hosts: []string{"one.example"}, Path: "/v1", Group: 1},
		{Hosts: []string{"two.example"}, Path: "/v1", Group: 2},
		{Hosts: []string{"*.many.example"}, Path: "/a", Group: 1},
		{Hosts: []string{"*.many.example"}, Path: "/b", Group: 2},
		{Hosts: []string{"*.many.example"}, Path: "/c/d", Group: 3},
		{Hosts: []string{"*.many.example"}, Path: "/c/e", Group: 3},
		{Hosts: []string{"*.many.example"}, Path: "/c/f"},
		{Hosts: []string{"nested.example"}, Path: "/a", Methods: []string{"GET"}, Group: 1},
		{Hosts: []string{"nested.example"}, Path: "/a/b", Methods: []string{"GET"}, Group: 2},
		{Hosts: []string{"nested.example"}, Path: "/a/b", Methods: []string{"PUT"}, Group: 2},
		{Hosts: []string{"nested.example"}, Path: "/x", Methods: []string{"GET"}, Group: 1},
		{Hosts: []string{"nested.example"}, Path: "/x", Methods: []string{"PUT"}, Group: 2},
		{Hosts: []string{"nested.example"}, Path: "/y"},
		{Hosts: []string{"open.nested.example"}, Path: "/z", Group: 1},
		{Path: "/any", Group: 4},
	}
	table, conflicts := route.New(rules)
	if conflicts != nil {
		t.Fatal(conflicts)
	}
	for _, c := range []struct {
		host, path string
		want       int
	}{
		{"one.example", "/v2/x", 1},
		{"ONE.example.:8080", "/v2", 1},
		{"two.example", "/", 2},
		{"two.example", "", route.None}, // not known: it may be that of any host
		{"two.example", "*", route.None},
		{"x.other.example", "", 4},
		{"two.example", "/V1", route.None}, // a rule's but for its case
		{"two.example", "/V11", 2},
		{"nested.example", "/A/b", route.None},
		{"two.example", "/any/x", 4}, // a prefix of it is
		{"x.many.example", "/a/x", 1},
		{"x.many.example", "/b", 2},
		{"x.many.example", "/c/x", 3}, // all that have /c in common
		{"x.many.example", "/c", 3},
		{"x.many.example", "/c/f/x", route.None}, // that rule has no group
		{"x.many.example", "/cc", route.None},    // several are as near
		{"nested.example", "/a/b/c", 2},
		{"nested.example", "/a/bb", 1},
		{"nested.example", "/x/1", route.None}, // its rules differ
		{"nested.example", "/y", route.None},
		{"other.example", "/v1", 4},
		{"", "/v1", 4},
	} {
		if got := table.Nearest([]byte(c.host), []byte(c.path)); got != c.want {
			t.Errorf("Nearest(%q, %q) = %d, want %d", c.host, c.path, got, c.want)
		}
	}
	empty, _ := route.New(nil)
	if got := empty.Nearest([]byte("a"), []byte("/")); got != route.None {
		t.Errorf("Nearest of no rules = %d", got)
	}
}

// slowNearest is Nearest by trying every rule.
func slowNearest(rules []route.Rule, host, path string) int {
	type candidate struct{ exact, suffix, whole, common, group int }
	var all []candidate
	for _, r := range rules {
		hosts := r.Hosts
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, h := range hosts {
			if !slowHost(h, host) {
				continue
			}
			c := candidate{suffix: len(h), group: r.Group}
			if h != "" && h[0] != '*' {
				c.exact = 1
			}
			want, got := segments(r.Path), strings.Split(strings.TrimPrefix(path, "/"), "/")
			for c.common < min(len(want), len(got)) && want[c.common] == got[c.common] {
				c.common++
			}
			if c.common == len(want) {
				c.whole = 1
			}
			all = append(all, c)
		}
	}
	// A rule for a prefix of the path comes before all that have only segments in common with it.
	slices.SortFunc(all, func(a, b candidate) int {
		return slices.Compare([]int{b.whole, b.exact, b.suffix, b.common}, []int{a.whole, a.exact, a.suffix, a.common})
	})
	group := route.None
	for _, c := range all {
		first := all[0]
		switch {
		case c.whole != first.whole || c.exact != first.exact || c.suffix != first.suffix || c.common != first.common || c.group == route.None:
		case group != route.None && group != c.group:
			return route.None
		default:
			group = c.group
		}
	}
	return group
}

func TestNearestTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hosts := []string{"", "a.b", "*.b", "*.a.b", "c"}
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/b", "/b/c"}
	for range 3000 {
		var rules []route.Rule
		for range r.IntN(8) {
			rule := route.Rule{Path: paths[r.IntN(len(paths))], Group: r.IntN(4)}
			if h := hosts[r.IntN(len(hosts))]; h != "" {
				rule.Hosts = []string{h}
			}
			if r.IntN(2) == 0 {
				rule.Methods = []string{[]string{"GET", "PUT"}[r.IntN(2)]}
			}
			// Rules in conflict are not kept, so they have no say.
			if _, conflicts := route.New(append(rules, rule)); conflicts == nil {
				rules = append(rules, rule)
			}
		}
		table, _ := route.New(rules)
		for range 10 {
			host := []string{"a.b", "x.a.b", "x.b", "c", "d"}[r.IntN(5)]
			path := []string{"/", "/a", "/a/x", "/a/b/x", "/a/b/c/d", "/b/x", "/x", "/b/c"}[r.IntN(8)]
			if got, want := table.Nearest([]byte(host), []byte(path)), slowNearest(rules, host, path); got != want {
				t.Fatalf("Nearest(%q, %q) = %d, want %d; rules %v", host, path, got, want, rules)
			}
		}
	}
}
