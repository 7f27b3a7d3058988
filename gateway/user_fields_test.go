package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// byHandFields are the fields that the gateway sets on responses by itself and that a route may set or remove all the
// same, and some that it never sets.
var byHandFields = []string{"RateLimit", "RateLimit-Policy", "X-Request-Id", "Retry-After", "Vary", "Content-Type", "Location", "Allow", "Cache-Control", "X-Other"}

// aboutContent are those of them that are not set on errors of the gateway's own, nor removed from these.
var aboutContent = []string{"Retry-After", "Vary", "Content-Type", "Location", "Allow", "Cache-Control"}

// byHandConfig has routes for each kind of response. edits goes to those that forward, fixed to those that answer.
func byHandConfig(upstream, edits, fixed string) string {
	text := fmt.Sprintf(`
[upstream.api]
endpoints = [%q]
[upstream.down]
endpoints = ["http://127.0.0.1:1"]
retries = 0
[upstream.nowhere]
endpoints = ["dns+http://nowhere.example:80"]
resolver = "127.0.0.1:1"
connect_timeout = "50ms"
[cors.app]
origins = ["https://myapp.com"]
[limit.ample]
rate = "1/h"
burst = 1000
[limit.once]
rate = "1/h"
[route.fixed]
path = "/fixed"
cors = "app"
limit = "ample"
respond = { body = "ok" }
%[2]s
[route.to]
path = "/to"
cors = "app"
limit = "ample"
redirect = { to = "https://example.com/" }
%[2]s
`, upstream, fixed)
	for _, r := range []struct{ name, upstream, limit string }{
		{"api", "api", "ample"}, {"once", "api", "once"}, {"down", "down", "ample"}, {"nowhere", "nowhere", "ample"},
	} {
		text += fmt.Sprintf("[route.%s]\npath = \"/%[1]s\"\ncors = \"app\"\nbody_bytes = 1\nupstream = %q\nlimit = %q\n%s\n", r.name, r.upstream, r.limit, edits)
	}
	return text
}

// TestFieldsByHand: what a route sets or removes by hand is its last word, also on fields that the gateway would set by
// itself: each is there once, or not at all. Errors of the gateway's own keep what speaks of them.
func TestFieldsByHand(t *testing.T) {
	says := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	var set, setFixed, remove []string
	for _, name := range byHandFields {
		says += name + ": the-upstream\r\n"
		set = append(set, fmt.Sprintf("%q = \"by-hand\"", name))
		if name != "Content-Type" && name != "Location" {
			setFixed = append(setFixed, fmt.Sprintf("%q = \"by-hand\"", name))
		}
		remove = append(remove, fmt.Sprintf("%q", name))
	}
	const setKey = "response_set_headers = { %s }"
	kinds := []struct {
		path   string
		status int
		own    bool // it is an error of the gateway's own
		fixed  bool
		fields []string
	}{
		{path: "/api", status: 200},
		{path: "/once", status: 200},
		{path: "/once", status: 429, own: true},
		{path: "/api", status: 413, own: true, fields: []string{"Content-Length: 2", "Expect: 100-continue"}},
		{path: "/down", status: 502, own: true},
		{path: "/nowhere", status: 503, own: true},
		{path: "/fixed", status: 200, fixed: true},
		{path: "/to", status: 308, fixed: true},
	}
	onEngines(t, func(t *testing.T, engine string) {
		d := newDouble(t, reply{octets: says + "\r\nok"})
		responses := func(edits, fixed string) (list []http.Header) {
			_, address := serveOn(t, engine, byHandConfig(d.url(), edits, fixed))
			for _, k := range kinds {
				res, _ := ask(t, address, "GET", k.path, append(k.fields, "Origin: https://myapp.com")...)
				if res.StatusCode != k.status {
					t.Fatalf("%s: %d, want %d", k.path, res.StatusCode, k.status)
				}
				list = append(list, res.Header)
			}
			return list
		}
		plain := responses("", "")
		setAll := responses(fmt.Sprintf(setKey, strings.Join(set, ", ")), fmt.Sprintf(setKey, strings.Join(setFixed, ", ")))
		removed := responses("response_remove_headers = ["+strings.Join(remove, ", ")+"]", "")
		for i, k := range kinds {
			for _, name := range byHandFields {
				check := func(what string, got, want []string) {
					t.Helper()
					if !slices.Equal(got, want) {
						t.Errorf("%s %d, %s: %s: %q, want %q", k.path, k.status, what, name, got, want)
					}
				}
				values := func(h http.Header) []string { return h[http.CanonicalHeaderKey(name)] }
				kept := k.own && slices.Contains(aboutContent, name)
				wantSet, wantRemoved := []string{"by-hand"}, []string(nil)
				if name == "Vary" {
					wantSet, wantRemoved = []string{"by-hand, Origin"}, []string{"Origin"}
				}
				if kept || k.fixed && (name == "Content-Type" || name == "Location") {
					wantSet, wantRemoved = values(plain[i]), values(plain[i])
				}
				check("set", values(setAll[i]), wantSet)
				if !k.fixed {
					check("removed", values(removed[i]), wantRemoved)
				}
			}
		}
	})
}

// TestFieldsNotByHand: what only the gateway can know is refused where it is configured.
func TestFieldsNotByHand(t *testing.T) {
	for _, name := range []string{"Access-Control-Allow-Origin", "access-control-max-age", "Connection", "Content-Length", "DATE", "Keep-Alive",
		"Sec-WebSocket-Accept", "Trailer", "Transfer-Encoding", "Upgrade"} {
		for _, edit := range []string{"response_set_headers = { %q = \"x\" }", "response_remove_headers = [%q]"} {
			text := byHandConfig("http://127.0.0.1:1", fmt.Sprintf(edit, name), "")
			if _, err := config.Parse("corsgate.toml", []byte(text)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v, want a refusal", fmt.Sprintf(edit, name), err)
			}
		}
	}
}

// TestInterimByHand: what a route sets or removes does not pass in an interim response either.
func TestInterimByHand(t *testing.T) {
	url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nServer: x\r\nX-Set: theirs\r\nAccess-Control-Max-Age: 1\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nServer: x\r\nX-Set: theirs\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	text := strings.Replace(policy(url, "ONE"), "[route.app]\n", "[route.app]\nresponse_set_headers = { x-set = \"ours\" }\nresponse_remove_headers = [\"server\"]\n", 1)
	onEngines(t, func(t *testing.T, engine string) {
		_, address := serveOn(t, engine, text)
		c := dial(t, address)
		r := bufio.NewReader(c)
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		exactly(t, r, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
		exactly(t, r, "HTTP/1.1 200 OK\r\nVary: Origin\r\nx-set: ours\r\nDate: NOW\r\nContent-Length: 0\r\n\r\n")
		c.Close()
	})
}
