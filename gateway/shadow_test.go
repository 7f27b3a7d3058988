package gateway_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/report"
)

// tightening is a configuration whose policy "open" is to become "listed".
const tightening = `
[cors.open]
origins = ["*"]
methods = ["PUT"]
request_headers = ["*"]
max_age = "1h"
shadow = "listed"
[cors.listed]
origins = ["https://a.example", "https://*.a.example", "https://same.example"]
methods = ["PUT", "DELETE"]
request_headers = ["X-A"]
max_age = "1h"
expose_headers = ["X-T"]
[route.api]
cors = "open"
respond = { status = 200 }
[route.same]
path = "/same"
cors = "listed"
respond = { status = 200 }
`

// metric returns the lines of the metrics that begin with a name.
func metric(g *gateway.Gateway, name string) []string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(g.Registry(), promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, name) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// shadowCounts are the three counts of the pair open and listed.
func shadowCounts(g *gateway.Gateway) string {
	counts := make([]string, 0, 3)
	for _, line := range metric(g, "corsgate_shadow_diff_total{") {
		_, count, _ := strings.Cut(line, "} ")
		counts = append(counts, count)
	}
	return strings.Join(counts, " ")
}

// times is the frequency of what has happened n times, at a time that a test does not know.
func times(n uint64) frequent.Frequency { return frequent.Frequency{Count: n} }

// wantDiffs compares the list but for the times, which must be set.
func wantDiffs(t *testing.T, g *gateway.Gateway, want ...report.ShadowDiff) {
	t.Helper()
	got := g.ShadowDiffs()
	for i := range got {
		if time.Since(got[i].Last) > time.Hour || got[i].Policy != "open" || got[i].Shadow != "listed" {
			t.Errorf("entry %+v", got[i])
		}
		got[i].Policy, got[i].Shadow = "", ""
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(frequent.Frequency{}, "Last"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestShadow: what would change is counted and listed, preflights and actual requests, computed and from the cache; and
// the answers are those of the policy alone.
func TestShadow(t *testing.T) {
	for _, cache := range []string{"", "[cache]\npreflights = 0\n"} {
		_, alone := serve(t, strings.Replace(tightening, `shadow = "listed"`, "", 1)+cache)
		g, address := serve(t, tightening+cache)
		f := func(counts string, method string, fields ...string) {
			t.Helper()
			res, content := ask(t, address, method, "/x", fields...)
			want, wantContent := ask(t, alone, method, "/x", fields...)
			res.Header.Del("Date")
			want.Header.Del("Date")
			res.Header.Del("X-Request-Id")
			want.Header.Del("X-Request-Id")
			if diff := cmp.Diff(want.Header, res.Header); diff != "" || content != wantContent || res.StatusCode != want.StatusCode {
				t.Errorf("%s %q: the shadow shows: %s %q\n%s", method, fields, res.Status, content, diff)
			}
			if got := shadowCounts(g); got != counts {
				t.Errorf("%s %q: counts %s, want %s", method, fields, got, counts)
			}
		}
		// allowed-to-denied, denied-to-allowed, fields.
		f("0 0 0", "GET")
		f("0 0 0", "GET", "Origin:")
		f("1 0 0", "GET", "Origin: https://b.example")
		f("1 0 1", "GET", "Origin: https://a.example") // X-T can be read
		const put, remove, headers = "Access-Control-Request-Method: PUT", "Access-Control-Request-Method: DELETE", "Access-Control-Request-Headers: "
		for i := range 3 { // computed, then from the cache if there is one
			f(fmt.Sprint(2+i, 0, 1), "OPTIONS", "Origin: https://b.example", put)
		}
		f("4 0 2", "OPTIONS", "Origin: https://a.example", put)
		f("4 0 3", "OPTIONS", "Origin: https://a.example", put)
		for i := range 2 {
			f(fmt.Sprint(5+i, 0, 3), "OPTIONS", "Origin: https://x.a.example", put, headers+"x-b")
		}
		f("6 1 3", "OPTIONS", "Origin: https://x.a.example", remove, headers+"x-a")
		f("6 2 3", "OPTIONS", "Origin: https://x.a.example", remove, headers+"x-a")
		f("6 2 3", "OPTIONS", "Origin: https://b.example", remove) // denied by both
		f("7 2 3", "GET", `Origin: <a>"`)
		f("8 2 3", "GET", "Origin: null")
		wantDiffs(t, g,
			report.ShadowDiff{Route: "api", Origin: "https://b.example", Change: "allowed-to-denied", Reason: "origin-not-allowed", Frequency: times(4)},
			report.ShadowDiff{Route: "api", Origin: "https://a.example", Change: "fields", Frequency: times(3)},
			report.ShadowDiff{Route: "api", Origin: "https://x.a.example", Change: "allowed-to-denied", Reason: "header-not-allowed", Frequency: times(2)},
			report.ShadowDiff{Route: "api", Origin: "https://x.a.example", Change: "denied-to-allowed", Reason: "method-not-allowed", Frequency: times(2)},
			report.ShadowDiff{Route: "api", Origin: `"<a>\""`, Change: "allowed-to-denied", Reason: "origin-malformed", Frequency: times(1)},
			report.ShadowDiff{Route: "api", Origin: "null", Change: "allowed-to-denied", Reason: "origin-null-not-allowed", Frequency: times(1)},
		)
	}
}

// TestShadowOfTheSame: to allow "*" and to allow the origin itself is the same to a page.
func TestShadowOfTheSame(t *testing.T) {
	g, address := serve(t, `
[cors.open]
origins = ["*"]
timing_allow_origin = true
shadow = "listed"
[cors.listed]
origins = ["https://a.example"]
timing_allow_origin = true
[route.api]
cors = "open"
respond = { status = 200 }
`)
	ask(t, address, "GET", "/", "Origin: https://a.example")
	ask(t, address, "OPTIONS", "/", "Origin: https://a.example", "Access-Control-Request-Method: GET")
	if got := shadowCounts(g); got != "0 0 0" {
		t.Errorf("counts %s", got)
	}
	wantDiffs(t, g)
}

// TestShadowReload: the list outlives a reload that is about something else, and no other.
func TestShadowReload(t *testing.T) {
	g, address := serve(t, tightening)
	ask(t, address, "GET", "/", "Origin: https://b.example")
	reload := func(text string, want int) {
		t.Helper()
		if err := g.Reload(parse(t, text)); err != nil {
			t.Fatal(err)
		}
		if got := len(g.ShadowDiffs()); got != want {
			t.Errorf("%d differences, want %d", got, want)
		}
	}
	reload(tightening+"[route.other]\npath = \"/other\"\nrespond = {}\n", 1)
	reload(strings.Replace(tightening, `"https://a.example",`, `"https://a.example", "https://b.example",`, 1), 0)
	ask(t, address, "GET", "/", "Origin: https://c.example")
	reload(tightening, 0)
	ask(t, address, "GET", "/", "Origin: https://b.example")
	reload(strings.Replace(tightening, `shadow = "listed"`, "", 1), 0)
}
