package route_test

import (
	"fmt"
	"testing"

	"github.com/corsgate/corsgate/gateway/route"
)

func TestFindReadings(t *testing.T) {
	tab := table(t, "- /", "- /public", "- /admin", "- /admin/secret", "- /caf%C3%A9", "- /a%25b")
	const root, public, admin, secret, cafe, percent = 0, 1, 2, 3, 4, 5
	const ambiguous = -1
	f := func(path string, want int) {
		t.Helper()
		rule, miss := tab.Find([]byte("h"), []byte(path), []byte("GET"), false)
		if rule != want || miss.Misread() != (want < 0) {
			t.Errorf("Find(%q) = %d, %d, want %d", path, rule, miss, want)
		}
	}

	// The classic ways around a rule.
	f("/public/../admin", ambiguous)
	f("/public/%2e%2e/admin", ambiguous)
	f("/public/%2E./admin", ambiguous)
	f("/public%2f..%2fadmin", ambiguous)
	f("/public%2F%2e%2e%2Fadmin", ambiguous)
	f("/public%5c..%5cadmin", ambiguous)
	f("/public/..;/admin", ambiguous)
	f("/public/..;x=1/admin", ambiguous)
	f("/public/..%3b/admin", ambiguous)
	f("/public/.;/x", ambiguous)
	f("/admin%2f..", ambiguous)
	f("/admin/..", ambiguous)
	f("/admin/.", ambiguous)
	f("/./admin", ambiguous)
	f("/%61dmin", ambiguous)
	f("/%61%64%6d%69%6e/x", ambiguous)
	f("/admin;x=1", ambiguous)
	f("/admin;x=1/secret", ambiguous)
	f("/admin%3bx", ambiguous)
	f("/admin%2fsecret", ambiguous)
	f("/admin%5csecret", ambiguous)
	f("//admin", ambiguous)
	f("//x/admin", ambiguous) // who takes x for a host is at /admin
	f("//x/%61dmin", ambiguous)
	f("//admin/x", ambiguous)
	f("//public", ambiguous)
	f("///admin", ambiguous)
	f("/%2fadmin", ambiguous)
	f("/;/admin", ambiguous)
	f("/admin//secret", ambiguous)
	f(`/admin\secret`, ambiguous)

	// Escapes of escapes, at any depth, and beyond the depth that is looked at.
	f("/%2561dmin", ambiguous)
	f("/%252561dmin", ambiguous)
	f("/public/%252e%252e/admin", ambiguous)
	f("/public/%25252e%25252e/admin", ambiguous)
	f("/public/%2525252525252e", ambiguous)
	f("/x/%2525252541", ambiguous)

	// Readings between the first and the last that led elsewhere in an earlier version: who
	// decodes once is at /admin, who never or twice is at /; who cuts parameters before he
	// decodes (as Tomcat does) is at /admin or /admin/secret.
	f("/x%2f..%2fadmin%2f%252e%252e", ambiguous)
	f("/admin;x%2f..", ambiguous)
	f("/%61dmin;x%2fy/secret", ambiguous)
	f("/%61dmin%3bx%5cy/secret", ambiguous)

	// All readings lead to the same rule.
	f("/", root)
	f("/a%2Fb", root)
	f("/%41", root)
	f("/x;y=z/w", root)
	f("/x//y", root)
	f("//x/y", root)
	f("//", root)
	f("//x", root)
	f("/x/100%/y", root) // no escape
	f("/x%252541", root) // as deep as is looked at
	f("/public/a%2Fb", public)
	f("/public/%61dmin", public)
	f("/public//x", public)
	f("/public/", public)
	f("/public/x;v=1", public)
	f("/public/100%25", public)
	f("/public/%2561", public)
	f("/public/%E2%82%AC/%ff", public)
	f("/admin/secret/a%2fb;c", secret)
	f("/admin/secrets%20", admin)
	f("/public/...", public)
	f("/public/.well-known", public)
	f("/public/..x/x..", public)
	f("*", root)

	// A rule's own escapes, in its own spelling.
	f("/caf%C3%A9/x", cafe)
	f("/caf%C3%A9/%20", cafe)
	f("/caf%c3%a9", ambiguous)
	f("/a%25b", percent)
}

// Why a path is misread is told apart, since one route alone cannot be two.
func TestFindSaysWhy(t *testing.T) {
	tab := table(t, "- /", "- /admin")
	for path, want := range map[string]route.Miss{
		"/a/../b": route.Dotted, "/a/%2e%2e/b": route.Dotted, "/a;%2f..": route.Dotted, "//h/..": route.Dotted,
		"/%61dmin": route.Ambiguous, "//h/admin": route.Ambiguous, "/admin;x": route.Ambiguous,
		"/%2525252541": route.Nested, "/a//b": route.Found,
	} {
		if _, miss := tab.Find([]byte("h"), []byte(path), []byte("GET"), false); miss != want {
			t.Errorf("Find(%q): miss %d, want %d", path, miss, want)
		}
	}
}

// With one route there is nothing to be led around, but a prefix that the gateway adds.
func TestFindSingleRoute(t *testing.T) {
	tab := table(t, "- /")
	f := func(path string, want int) {
		t.Helper()
		if rule, _ := tab.Find([]byte("h"), []byte(path), []byte("GET"), false); rule != want {
			t.Errorf("Find(%q) = %d, want %d", path, rule, want)
		}
	}
	f("/a%2Fb", 0)
	f("/@scope%2fname", 0)
	f("/a;b//c%5Cd", 0)
	f("/text%2Fhtml%3B%20charset%3Dutf-8", 0)
	f("/https%3A%2F%2Fexample.com%2F%3Fq%3D%2520", 0)
	f("//v1/users", 0)
	f("/a/../b", -1)
	f("/..%2fb", -1)
}

// Readings of a path may lead to another rule by its host alone.
func TestFindReadingsAcrossHosts(t *testing.T) {
	tab := table(t, "- /", "*.test /admin", "a.test /x")
	f := func(host, path string, want int) {
		t.Helper()
		if rule, _ := tab.Find([]byte(host), []byte(path), []byte("GET"), false); rule != want {
			t.Errorf("Find(%q, %q) = %d, want %d", host, path, rule, want)
		}
	}
	f("a.test", "/%61dmin", -1)
	f("a.test", "/%78", -1)
	f("b.test", "/%78", 0)
	f("b.example", "/%61dmin", 0)
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		lines := []string{"- /"}
		for i := 1; i < n; i++ {
			lines = append(lines, fmt.Sprintf("h%d.example.com /api/v%d", i/10, i%10))
		}
		tab := table(b, lines...)
		host := []byte(fmt.Sprintf("h%d.example.com", (n-1)/10))
		for _, c := range []struct {
			name, path string
			plain      bool
		}{
			{"plain", "/api/v7/orders/17", true},
			{"escaped", "/api/v7/orders/a%20b", false},
			{"hostile", "/%2561;%253b%252f", false},
		} {
			b.Run(fmt.Sprintf("rules=%d/path=%s", n, c.name), func(b *testing.B) {
				path, method := []byte(c.path), []byte("GET")
				b.ReportAllocs()
				for b.Loop() {
					tab.Find(host, path, method, c.plain)
				}
			})
		}
	}
}
