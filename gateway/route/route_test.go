package route_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/route"
)

// table compiles rules written "host[,host] path [METHOD,METHOD]", "-" being any host.
func table(t testing.TB, lines ...string) *route.Table {
	t.Helper()
	tab, conflicts := route.New(parse(lines))
	if len(conflicts) > 0 {
		t.Fatalf("New(%q): conflicts %v", lines, conflicts)
	}
	return tab
}

func parse(lines []string) []route.Rule {
	var rules []route.Rule
	for _, line := range lines {
		word := strings.Fields(line)
		r := route.Rule{Path: word[1]}
		if word[0] != "-" {
			r.Hosts = strings.Split(word[0], ",")
		}
		if len(word) > 2 {
			r.Methods = strings.Split(word[2], ",")
		}
		rules = append(rules, r)
	}
	return rules
}

func TestFindPrecedence(t *testing.T) {
	rules := []string{
		0:  "- /",
		1:  "- /api",
		2:  "- /api/v2 GET",
		3:  "*.example.com /",
		4:  "*.eu.example.com /",
		5:  "api.example.com /v1",
		6:  "api.example.com /v1 POST,PUT",
		7:  "api.example.com /v1/a/b/c",
		8:  "a.test,b.test /x/",
		9:  "[::1] /",
		10: "*.example.com /deep/er",
	}
	f := func(host, path, method string, want int) {
		t.Helper()
		// The order of the rules must not matter.
		for shift := range rules {
			tab := table(t, append(slices.Clone(rules[shift:]), rules[:shift]...)...)
			got, miss := tab.Find([]byte(host), []byte(path), []byte(method), true)
			if got >= 0 {
				got = (got + shift) % len(rules)
			}
			if got != want || (miss == route.Found) != (want >= 0) {
				t.Fatalf("shift %d: Find(%q, %q, %q) = %d, %d, want %d", shift, host, path, method, got, miss, want)
			}
		}
	}

	// Hosts: exact before the longer suffix before the shorter before any.
	f("api.example.com", "/v1", "GET", 5)
	f("www.example.com", "/v1", "GET", 3)
	f("www.eu.example.com", "/v1", "GET", 4)
	f("a.b.eu.example.com", "/", "GET", 4)
	f("example.com", "/", "GET", 0) // "*." is one label or more
	f("eu.example.com", "/", "GET", 3)
	f("notexample.com", "/", "GET", 0)
	f("api.example.com", "/other", "GET", 3) // a host without a rule for the path leaves it to the next
	f("www.eu.example.com", "/deep/er", "GET", 4)
	f("b.test", "/x/y", "GET", 8)
	f("c.test", "/x/y", "GET", 0)
	f("[::1]:8443", "/", "GET", 9)
	f("[::2]", "/", "GET", 0)
	f("", "/", "GET", 0)

	// Paths: the longest prefix of whole segments.
	f("h", "/api", "GET", 1)
	f("h", "/api/", "GET", 1)
	f("h", "/apis", "GET", 0)
	f("h", "/ap", "GET", 0)
	f("h", "/API", "GET", 0)
	f("h", "/api/v2", "GET", 2)
	f("h", "/api/v2/", "GET", 2)
	f("h", "/api/v22", "GET", 1)
	f("h", "/v2/api", "GET", 0)
	f("api.example.com", "/v1/a/b/c/d", "GET", 7)
	f("api.example.com", "/v1/a/b", "GET", 5)
	f("h", "*", "OPTIONS", 0) // the server as a whole

	// Methods: a rule that names it, then one that takes all, then a shorter prefix.
	f("api.example.com", "/v1", "POST", 6)
	f("api.example.com", "/v1", "post", 5)
	f("api.example.com", "/v1/a/b/c", "POST", 7)
	f("h", "/api/v2", "POST", 1)
}

func TestFindMiss(t *testing.T) {
	tab := table(t, "a.test /api GET,HEAD", "a.test /api/sub POST", "*.b.test /x")
	f := func(host, path, method string, want route.Miss) {
		t.Helper()
		if rule, miss := tab.Find([]byte(host), []byte(path), []byte(method), true); rule >= 0 || miss != want {
			t.Errorf("Find(%q, %q, %q) = %d, %d, want -1, %d", host, path, method, rule, miss, want)
		}
	}
	f("c.test", "/api", "GET", route.NoHost)
	f("b.test", "/x", "GET", route.NoHost)
	f("", "/x", "GET", route.NoHost)
	f("a.test", "/", "GET", route.NoPath)
	f("a.test", "/apix", "GET", route.NoPath)
	f("a.test", "*", "GET", route.NoPath)
	f("w.b.test", "/y", "GET", route.NoPath)
	f("a.test", "/api", "DELETE", route.NoMethod)
	f("a.test", "/api", "get", route.NoMethod)
	f("a.test", "/api/sub", "DELETE", route.NoMethod)
	f("a.test", "/api/sub/x", "", route.NoMethod)

	got := tab.Methods([]byte("a.test"), []byte("/api/sub"), []string{"GET", "HEAD", "POST", "PUT"})
	if want := []string{"GET", "HEAD", "POST"}; !slices.Equal(got, want) {
		t.Errorf("Methods = %q, want %q", got, want)
	}
	if got := tab.Methods([]byte("a.test"), []byte("/"), []string{"GET"}); len(got) > 0 {
		t.Errorf("Methods = %q, want none", got)
	}

	empty, _ := route.New(nil)
	if rule, miss := empty.Find([]byte("a.test"), []byte("/"), []byte("GET"), true); rule != -1 || miss != route.NoHost {
		t.Errorf("Find in no rules = %d, %d, want -1, NoHost", rule, miss)
	}
}

func TestNewConflicts(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		var got []string
		_, conflicts := route.New(parse(lines))
		for _, c := range conflicts {
			got = append(got, c.Reason)
			if c.First >= c.Second {
				t.Errorf("New(%q): %+v is out of order", lines, c)
			}
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("New(%q): conflicts %q, want %q", lines, s, want)
		}
	}
	f("", "- /", "- /a", "a.test /", "*.test /")
	f(`any host, path "/"`, "- /", "- /")
	f(`any host, path "/a/"`, "- /a", "- /a/")
	f(`host b.test, path "/"`, "a.test,b.test /", "b.test,c.test /")
	f(`host *.test, path "/x"`, "*.test /x", "*.test /x")
	f("", "- /a", "- /a GET", "- /a POST")
	f(`any host, path "/a", method GET`, "- /a GET,HEAD", "- /a POST,GET")
	f("", "a.test,a.test /") // the same rule twice is one rule
	f(`any host, path "/admin"`, "- /%61dmin", "- /admin")
	f(`any host, path "/caf%c3%a9"`, "- /caf%C3%A9", "- /caf%c3%a9")
}

// A configuration decodes "methods = []" to a slice that is empty but not nil.
func TestNewEmptyMethods(t *testing.T) {
	tab, conflicts := route.New([]route.Rule{{Path: "/", Methods: []string{}, Hosts: []string{}}})
	if rule, miss := tab.Find([]byte("a"), []byte("/"), []byte("GET"), true); rule != 0 || len(conflicts) > 0 {
		t.Errorf("Find = %d, %d, want 0", rule, miss)
	}
	if _, conflicts := route.New([]route.Rule{{Path: "/", Methods: []string{}}, {Path: "/"}}); len(conflicts) != 1 {
		t.Errorf("conflicts = %v, want one", conflicts)
	}
}

func TestCanonicalHost(t *testing.T) {
	f := func(host, want string) {
		t.Helper()
		if got := route.CanonicalHost(host); got != want {
			t.Errorf("CanonicalHost(%q) = %q, want %q", host, got, want)
		}
	}
	f("", "")
	f("a.test", "a.test")
	f("A.Test", "a.test")
	f("a.test:8443", "a.test")
	f("a.test.", "a.test")
	f("a.test.:8443", "a.test")
	f("a.test..", "a.test.")
	f(".", ".")
	f(":80", "")
	f("[::1]", "[::1]")
	f("[::1]:80", "[::1]")
	f("[2001:DB8::A]:443", "[2001:db8::a]")
	f("[::1", "[::1")
	f("192.0.2.1:80", "192.0.2.1")
	f("a_b-c.test", "a_b-c.test")
	f(strings.Repeat("a", 256), strings.Repeat("a", 256))
	f(strings.Repeat("a", 257), "")
	f(strings.Repeat("a", 256)+":80", strings.Repeat("a", 256))
}

// A host that is cut to the room there is must not end in another's name.
func TestFindOverlongHost(t *testing.T) {
	tab := table(t, "*.example.com /", "- /open")
	host := strings.Repeat("a", 256-len(".example.com")) + ".example.com"
	if rule, _ := tab.Find([]byte(host), []byte("/"), []byte("GET"), true); rule != 0 {
		t.Errorf("Find(%q) = %d, want 0", host, rule)
	}
	host += ".evil.test"
	if rule, _ := tab.Find([]byte(host), []byte("/"), []byte("GET"), true); rule != -1 {
		t.Errorf("Find(%q) = %d, want -1", host, rule)
	}
	if rule, _ := tab.Find([]byte(host), []byte("/open"), []byte("GET"), true); rule != 1 {
		t.Errorf("Find(%q) = %d, want 1", host, rule)
	}
}

func TestFindAllocs(t *testing.T) {
	tab := table(t, "- /", "*.example.com /", "api.example.com /api/v1", "api.example.com /api/v1/admin POST")
	f := func(host, path, method string) {
		t.Helper()
		h, p, m := []byte(host), []byte(path), []byte(method)
		if n := testing.AllocsPerRun(100, func() { tab.Find(h, p, m, true) }); n != 0 {
			t.Errorf("Find(%q, %q): %v allocations, want none", host, path, n)
		}
	}
	f("api.example.com:8443", "/api/v1/users", "GET")
	f("API.example.com.", "/api/v1/admin/x/y", "POST")
	f("a.b.c.d.example.com", "/", "GET")
	f("nobody.test", "/x", "GET")
	f("[2001:db8::1]:443", "/x", "GET")
	f(strings.Repeat("a.", 200), "/x", "GET")
}
