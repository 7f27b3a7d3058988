package gateway_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// Each request reaches the upstream with one X-Request-Id: what a trusted peer sent, if it can be an id, or a new one.
func TestRequestID(t *testing.T) {
	const taken, trusting = "made", "[trust]\nproxies = [\"127.0.0.0/8\"]\n"
	made := regexp.MustCompile(`^[0-9a-f]{32}$`)
	for _, engine := range []string{looped, blocking} {
		seen := map[string]bool{}
		var got []string
		up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = append([]string(nil), r.Header.Values("X-Request-Id")...)
			io.WriteString(w, "ok")
		}))
		f := func(config, want string, fields ...string) {
			t.Helper()
			_, address := serveOn(t, engine, config+"[upstream.api]\nendpoints = [\""+up+"\"]\n[route.r]\nupstream = \"api\"\n")
			res, _ := ask(t, address, "GET", "/", fields...)
			switch {
			case res.StatusCode != 200 || len(got) != 1:
				t.Errorf("%s, %q: %d, X-Request-Id %q", engine, fields, res.StatusCode, got)
			case want != taken && got[0] != want:
				t.Errorf("%s, %q: X-Request-Id %q, want %q", engine, fields, got[0], want)
			case want == taken && (!made.MatchString(got[0]) || seen[got[0]]):
				t.Errorf("%s, %q: X-Request-Id %q is no new id", engine, fields, got[0])
			}
			seen[got[0]] = true
		}
		f("", taken)
		f("", taken)
		f("", taken, "X-Request-Id: mine")
		f("", taken, "x-request-id: "+strings.Repeat("0", 32))
		f(trusting, taken)
		f(trusting, "mine", "X-Request-ID: mine")
		f(trusting, "Root=1-67891233/abc:def@x~_.+", "x-request-id: Root=1-67891233/abc:def@x~_.+")
		f(trusting, strings.Repeat("a", 128), "X-Request-Id: "+strings.Repeat("a", 128))
		f(trusting, taken, "X-Request-Id: "+strings.Repeat("a", 129))
		f(trusting, taken, "X-Request-Id: a b")
		f(trusting, taken, `X-Request-Id: a"b`)
		f(trusting, taken, "X-Request-Id: a,b")
		f(trusting, taken, "X-Request-Id: \xc3\xa9")
		f(trusting, taken, "X-Request-Id:")
		f(trusting, taken, "X-Request-Id: a", "X-Request-Id: a")
	}
}

// The id of a request that failed is in its response, once, and in both logs.
func TestRequestIDOfAFailure(t *testing.T) {
	config := "[log]\naccess = \"errors\"\n[trust]\nproxies = [\"127.0.0.0/8\"]\n[upstream.api]\nendpoints = [\"http://" + tooltest.Refusing(t) + "\"]\n[route.r]\nupstream = \"api\"\n"
	for _, engine := range []string{looped, blocking} {
		for _, edits := range []string{"", "response_set_headers = { x-request-id = \"$request_id\" }\n"} {
			lines := logged(t, engine, config+edits, func(address string) {
				res, _ := ask(t, address, "GET", "/", "X-Request-Id: mine")
				if got := res.Header.Values("X-Request-Id"); res.StatusCode != 502 || len(got) != 1 || got[0] != "mine" {
					t.Errorf("%s, %q: %d, X-Request-Id %q", engine, edits, res.StatusCode, got)
				}
			})
			if len(lines) != 1 || lines[0].ID != "mine" {
				t.Errorf("%s, %q: the access log has %+v", engine, edits, lines)
			}
		}
	}
}
