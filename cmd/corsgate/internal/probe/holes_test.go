package probe_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A server is a handler with one classic hole. It answers preflights and requests alike.
type server func(h http.Header, r *http.Request) (status int)

func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := s(w.Header(), r)
	if status == 0 {
		status = 200
	}
	w.WriteHeader(status)
}

// listed is a server that does it right for origins that allowed reports.
func listed(allowed func(origin string) bool, credentials bool) server {
	return func(h http.Header, r *http.Request) int {
		h.Set("Vary", "Origin")
		if origins := r.Header.Values("Origin"); len(origins) == 1 && allowed(origins[0]) {
			h.Set("Access-Control-Allow-Origin", origins[0])
			if credentials {
				h.Set("Access-Control-Allow-Credentials", "true")
			}
			if r.Method == http.MethodOptions {
				h.Set("Access-Control-Allow-Headers", "X-A, X-B")
			}
		}
		return 0
	}
}

func isFriend(o string) bool { return o == friend }

// but changes what a server that does it right answers.
func but(change func(h http.Header, r *http.Request) int) server {
	right := listed(isFriend, false)
	return func(h http.Header, r *http.Request) int {
		right(h, r)
		return change(h, r)
	}
}

func expression(e string) func(string) bool { return regexp.MustCompile(e).MatchString }

// holes returns a function that probes a server and compares the kinds of findings.
func holes(t *testing.T) func(name string, s server, grade string, want ...string) {
	return func(name string, s server, grade string, want ...string) {
		t.Helper()
		ts := httptest.NewServer(s)
		defer ts.Close()
		r := run(t, ts.URL+"/items", friend)
		var got []string
		for _, finding := range r.Findings {
			got = append(got, finding.ID)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || r.Grade != grade {
			t.Errorf("%s: grade %s, want %s (-want +got):\n%s%+v", name, r.Grade, grade, diff, r.Findings)
		}
	}
}

// Strangers get in, and caches mix up answers.
func TestHoles(t *testing.T) {
	f := holes(t)
	f("right", listed(isFriend, true), "A")
	f("reflected with credentials", listed(func(string) bool { return true }, true), "F", "reflection")
	f("reflected", listed(func(string) bool { return true }, false), "B", "reflection")
	f("null", listed(func(o string) bool { return isFriend(o) || o == "null" }, false), "C", "null-origin")
	f("null with credentials", listed(func(o string) bool { return isFriend(o) || o == "null" }, true), "F", "null-origin")
	f("no end", listed(expression(`^https://app\.example\.com`), true), "F", "suffix-unchecked", "port-unchecked")
	f("no beginning", listed(expression(`(?:^|[^:/.])(app\.)?example\.com$|^https://app\.example\.com$`), false), "C", "prefix-unchecked", "dot-unescaped")
	f("dots", listed(expression(`^https://app.example.com$`), true), "F", "dot-unescaped")
	f("http", listed(expression(`^https?://app\.example\.com$`), true), "D", "http-origin")
	f("ports", listed(expression(`^https://app\.example\.com(:\d+)?$`), true), "B", "port-unchecked")
	f("junk", listed(func(o string) bool { return isFriend(o) || !strings.Contains(o, "://") && o != "null" }, false), "B", "junk-echoed")
	f("no Vary", but(func(h http.Header, _ *http.Request) int { h.Del("Vary"); return 0 }), "C", "vary-missing")
	f("no Vary, not cached", but(func(h http.Header, _ *http.Request) int {
		h.Set("Vary", "Accept")
		h.Set("Cache-Control", "no-store")
		return 0
	}), "A")
	f("no Vary for the refused", but(func(h http.Header, _ *http.Request) int {
		if h.Get("Access-Control-Allow-Origin") == "" {
			h.Del("Vary")
		}
		return 0
	}), "C", "vary-missing")
}

// No browser takes the answers, or some clients are refused.
func TestMistakes(t *testing.T) {
	f := holes(t)
	f("twice", but(func(h http.Header, _ *http.Request) int { h.Add("Access-Control-Allow-Origin", "*"); return 0 }), "E", "friend-refused", "duplicate-fields")
	f("several", func(h http.Header, _ *http.Request) int {
		h.Set("Access-Control-Allow-Origin", friend+", https://b.example.com")
		return 0
	}, "E", "friend-refused", "several-origins")
	f("slash", func(h http.Header, _ *http.Request) int { h.Set("Access-Control-Allow-Origin", friend+"/"); return 0 }, "D", "friend-refused", "malformed-origin")
	f("static null", func(h http.Header, _ *http.Request) int { h.Set("Access-Control-Allow-Origin", "null"); return 0 }, "D", "friend-refused", "null-origin", "static-null")
	f("star", func(h http.Header, _ *http.Request) int { h.Set("Access-Control-Allow-Origin", "*"); return 0 }, "A")
	f("star with credentials", func(h http.Header, _ *http.Request) int {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Credentials", "true")
		return 0
	}, "C", "star-credentials")
	f("True", but(func(h http.Header, _ *http.Request) int { h.Set("Access-Control-Allow-Credentials", "True"); return 0 }), "B", "credentials-value")
	f("refused", listed(func(string) bool { return false }, false), "D", "friend-refused")
	f("preflight 401", but(func(_ http.Header, r *http.Request) int {
		if r.Method == http.MethodOptions {
			return 401
		}
		return 0
	}), "C", "preflight-status")
	f("preflight 500", but(func(_ http.Header, r *http.Request) int {
		if r.Method == http.MethodOptions {
			return 500
		}
		return 0
	}), "C", "preflight-status")
	f("no preflights", but(func(h http.Header, r *http.Request) int {
		if r.Method == http.MethodOptions {
			h.Del("Access-Control-Allow-Origin")
			return 405
		}
		return 0
	}), "B", "preflight-refused")
	f("sorted lists only", but(func(h http.Header, r *http.Request) int {
		if v := r.Header.Get("Access-Control-Request-Headers"); v != strings.ToLower(v) {
			h.Del("Access-Control-Allow-Origin")
		}
		return 0
	}), "B", "list-unsorted")
	f("first line only", but(func(h http.Header, r *http.Request) int {
		if v := r.Header.Values("Access-Control-Request-Headers"); len(v) > 1 {
			h.Set("Access-Control-Allow-Headers", v[0])
		}
		return 0
	}), "B", "list-lines")
	f("errors", but(func(h http.Header, r *http.Request) int {
		if r.URL.Path != "/items" {
			h.Del("Access-Control-Allow-Origin")
			return 404
		}
		return 0
	}), "B", "errors-unreadable")
	f("second Origin", but(func(h http.Header, r *http.Request) int {
		if o := r.Header.Values("Origin"); len(o) > 1 {
			h.Set("Access-Control-Allow-Origin", o[1])
		}
		return 0
	}), "C", "second-origin")
	f("private network", but(func(h http.Header, r *http.Request) int {
		if r.Header.Get("Access-Control-Request-Private-Network") != "" {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
		return 0
	}), "C", "private-network")
	f("preflights reflected", but(func(h http.Header, r *http.Request) int {
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		return 0
	}), "F", "preflight-reflection")
	f("TRACE", but(func(h http.Header, _ *http.Request) int {
		h.Set("Access-Control-Allow-Methods", "GET, TRACE")
		return 0
	}), "B", "forbidden-method")
	f("max age", but(func(h http.Header, _ *http.Request) int { h.Set("Access-Control-Max-Age", "-1"); return 0 }), "B", "max-age-value")
	f("star in a list", func(h http.Header, r *http.Request) int {
		listed(isFriend, true)(h, r)
		h.Set("Access-Control-Expose-Headers", "*")
		return 0
	}, "B", "star-in-list")
}

// TestPlaces: pages that anyone can publish, or that any program on the user's machine can serve.
func TestPlaces(t *testing.T) {
	f := holes(t)
	or := func(allowed func(string) bool) func(string) bool {
		return func(o string) bool { return isFriend(o) || allowed(o) }
	}
	suffix := func(s string) func(string) bool { return func(o string) bool { return strings.HasSuffix(o, s) } }
	f("vercel", listed(or(suffix(".vercel.app")), true), "F", "hosting-suffix")
	f("github, without credentials", listed(or(suffix(".github.io")), false), "C", "hosting-suffix")
	f("localhost", listed(or(expression(`^http://localhost(:\d+)?$`)), true), "C", "loopback-origin")
	f("one port of it", listed(or(func(o string) bool { return o == "http://127.0.0.1:3000" }), true), "C", "loopback-origin")
	f("IPv6", listed(or(func(o string) bool { return o == "http://[::1]:3000" }), true), "C", "loopback-origin")
	f("localhost without credentials", listed(or(expression(`^http://localhost`)), false), "A")
	// A friend at a hosting service: what is beside it is a stranger's.
	ts := httptest.NewServer(listed(func(o string) bool {
		return strings.HasPrefix(o, "https://shop") && strings.HasSuffix(o, ".netlify.app")
	}, true))
	defer ts.Close()
	r := run(t, ts.URL, "https://shop.netlify.app")
	if len(r.Findings) != 1 || r.Findings[0].ID != "hosting-suffix" || !strings.Contains(r.Findings[0].Text, "https://shop-corsgate-probe.netlify.app") {
		t.Errorf("%+v", r.Findings)
	}
	// Where development is what a server is for, localhost is no finding.
	ts = httptest.NewServer(listed(expression(`^http://localhost(:\d+)?$`), true))
	defer ts.Close()
	if r := run(t, ts.URL, "http://localhost:3000"); r.Grade != "A" {
		t.Errorf("%+v", r)
	}
}

// TestHalves: fields on one kind of answer only, and 304 without them.
func TestHalves(t *testing.T) {
	f := holes(t)
	f("OPTIONS only", but(func(h http.Header, r *http.Request) int {
		if r.Method != http.MethodOptions {
			h.Del("Access-Control-Allow-Origin")
		}
		return 0
	}), "D", "responses-unshared")
	f("responses only", but(func(h http.Header, r *http.Request) int {
		if r.Method == http.MethodOptions {
			h.Del("Access-Control-Allow-Origin")
			return 204
		}
		return 0
	}), "C", "preflight-unshared")
	revalidated := func(validator, value, condition string, bare func(h http.Header)) server {
		return but(func(h http.Header, r *http.Request) int {
			h.Set(validator, value)
			if r.Method == http.MethodGet && r.Header.Get(condition) == value {
				bare(h)
				return 304
			}
			return 0
		})
	}
	none := func(h http.Header) { h.Del("Access-Control-Allow-Origin") }
	f("304 by ETag", revalidated("Etag", `W/"1"`, "If-None-Match", none), "C", "not-modified-unshared")
	f("304 by date", revalidated("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT", "If-Modified-Since", none), "C", "not-modified-unshared")
	f("304 as it should be", revalidated("Etag", `"1"`, "If-None-Match", func(http.Header) {}), "A")
	f("304 of a public resource", func(h http.Header, r *http.Request) int {
		h.Set("Etag", `"1"`)
		if r.Header.Get("If-None-Match") != "" {
			return 304
		}
		h.Set("Access-Control-Allow-Origin", "*")
		return 0
	}, "C", "not-modified-unshared")
	f("stars everywhere", func(h http.Header, r *http.Request) int {
		listed(isFriend, true)(h, r)
		for _, name := range []string{"Allow-Methods", "Allow-Headers", "Expose-Headers"} {
			h.Set("Access-Control-"+name, "*")
		}
		return 0
	}, "B", "star-in-list", "star-in-list", "star-in-list")
}

// TestCaches: a cache that knows nothing of Vary is named, whoever came first, and what is behind it is judged all the same.
func TestCaches(t *testing.T) {
	f := holes(t)
	cached := func(behind server, first string) server {
		kept := map[string]http.Header{}
		return func(h http.Header, r *http.Request) int {
			if r.Method != http.MethodGet {
				return behind(h, r)
			}
			if kept[r.URL.String()] == nil {
				answer := http.Header{}
				origin := r.Header["Origin"]
				if r.URL.RawQuery == "" && first != "" {
					r.Header["Origin"] = []string{first}
				}
				behind(answer, r)
				r.Header["Origin"] = origin
				kept[r.URL.String()] = answer
			}
			for name, values := range kept[r.URL.String()] {
				h[name] = values
			}
			h.Set("Age", "3")
			return 0
		}
	}
	f("nobody came first", cached(listed(isFriend, true), ""), "D", "cache-ignores-vary")
	f("a stranger came first", cached(listed(isFriend, true), "https://b.example"), "D", "cache-ignores-vary")
	f("any origin behind it", cached(listed(func(string) bool { return true }, true), ""), "F", "cache-ignores-vary", "reflection")
	f("one answer for all", cached(func(h http.Header, _ *http.Request) int { h.Set("Access-Control-Allow-Origin", "*"); return 0 }, ""), "A")
}

// TestUnread: what could not be judged is not graded as right.
func TestUnread(t *testing.T) {
	f := func(want string, s server, origins ...string) {
		t.Helper()
		ts := httptest.NewServer(s)
		defer ts.Close()
		r := run(t, ts.URL+"/items", origins...)
		var b strings.Builder
		r.WriteText(&b)
		if r.Grade != want || want == "?" && (len(r.Notes) == 0 || !strings.Contains(b.String(), "grade ?: no findings in")) {
			t.Errorf("grade %s, want %s\n%s", r.Grade, want, &b)
		}
	}
	for _, status := range []int{301, 401, 403, 404, 429, 500, 503} {
		f("?", func(http.Header, *http.Request) int { return status })
		f("?", but(func(h http.Header, r *http.Request) int {
			if r.Method == http.MethodOptions {
				return 0
			}
			return status
		}), friend)
	}
	f("F", func(h http.Header, r *http.Request) int {
		listed(func(string) bool { return true }, true)(h, r)
		return 401
	})
	n := 0
	f("?", but(func(h http.Header, r *http.Request) int { // it has enough of us in the middle
		if n++; n > 10 {
			return 429
		}
		return 0
	}))
}
