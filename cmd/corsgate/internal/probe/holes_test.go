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
	}), "A")
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
