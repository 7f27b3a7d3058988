package gateway_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/report"
)

// refusing is a configuration that refuses in all ways. The upstream of route up is not there.
const refusing = `
[upstream.up]
endpoints = ["http://UPSTREAM"]
[cors.app]
origins = ["https://app.example"]
methods = ["PUT"]
request_headers = ["X-A"]
websocket_origin_check = true
[cors.block]
origins = ["https://app.example"]
denied = "block"
[cors.guard]
origins = ["https://app.example"]
csrf = "enforce"
[cors.watch]
origins = ["*"]
csrf = "report"
[route.up]
path = "/up"
cors = "app"
upstream = "up"
[route.own]
path = "/own"
cors = "app"
respond = {}
[route.block]
path = "/block"
cors = "block"
respond = {}
[route.guard]
path = "/guard"
cors = "guard"
respond = {}
[route.watch]
path = "/watch"
cors = "watch"
respond = {}
[route.bare]
path = "/bare"
respond = {}
`

// wantRefusals compares the list but for the times, which must be set.
func wantRefusals(t *testing.T, g *gateway.Gateway, want ...report.Refusal) {
	t.Helper()
	got := g.Refusals()
	for _, r := range got {
		if time.Since(r.Last) > time.Hour {
			t.Errorf("entry %+v", r)
		}
	}
	if diff := gocmp.Diff(want, got, cmpopts.IgnoreFields(frequent.Frequency{}, "Last"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRefusals: all that a policy refuses is listed, on both engines, and nothing else.
func TestRefusals(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
			g, address := serveOn(t, engine, strings.ReplaceAll(refusing, "UPSTREAM", strings.TrimPrefix(d.url(), "http://")))
			const evil = "Origin: https://evil.example"
			f := func(n int, method, target string, fields ...string) {
				t.Helper()
				for range n {
					ask(t, address, method, target, fields...)
				}
			}
			const put, patch = "Access-Control-Request-Method: PUT", "Access-Control-Request-Method: PATCH"
			f(9, "OPTIONS", "/up/1?secret", evil, put)
			f(8, "GET", "/up/2?secret", evil)
			f(7, "GET", "/own", evil)
			f(6, "OPTIONS", "/own", "Origin: https://app.example", patch)
			f(5, "OPTIONS", "/own", "Origin: https://app.example", put, "Access-Control-Request-Headers: x-b,X-A, x-b,")
			f(4, "GET", "/block", "Origin: null")
			f(3, "POST", "/guard", evil, "Sec-Fetch-Site: cross-site", "Content-Length: 0")
			f(2, "POST", "/guard", "Sec-Fetch-Site: cross-site", "Content-Length: 0") // no Origin
			f(1, "POST", "/watch", "Origin: <b>\"", "Sec-Fetch-Site: cross-site", "Content-Length: 0")
			f(2, "POST", "/up/"+strings.Repeat("x", 300), "Origin: https://<evil>", "Content-Length: 0")
			f(1, "GET", "/up/socket", evil, "Connection: Upgrade", "Upgrade: websocket",
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
			// Nothing is refused here.
			f(1, "GET", "/up", "Origin: https://app.example")
			f(1, "OPTIONS", "/up", "Origin: https://app.example", put)
			f(1, "GET", "/up")
			f(1, "POST", "/up", "Origin: https://api.example.com", "Content-Length: 0") // its own origin
			f(1, "GET", "/bare", evil)
			// No route takes these.
			f(1, "GET", "/nothing", evil)
			f(1, "OPTIONS", "/nothing", evil, put)
			want := func(n uint64, route, policy, refused, reason, origin, method, url string, headers ...string) report.Refusal {
				mode := map[string]string{"csrf": "navigate", "csrf-report": "navigate", "websocket": "websocket"}[refused]
				return report.Refusal{
					Route: route, Policy: policy, Origin: origin, Refused: refused, Reason: reason, Frequency: times(n),
					Example: fetch.Question{Origin: origin, Method: method, URL: url, Headers: headers, Mode: cmp.Or(mode, "cors")},
				}
			}
			const secure, plain = "https://api.example.com", "http://api.example.com"
			wantRefusals(t, g,
				want(9, "up", "app", "preflight", "origin-not-allowed", "https://evil.example", "PUT", secure+"/up/1"),
				want(8, "up", "app", "response", "origin-not-allowed", "https://evil.example", "GET", secure+"/up/2"),
				want(7, "own", "app", "response", "origin-not-allowed", "https://evil.example", "GET", secure+"/own"),
				want(6, "own", "app", "preflight", "method-not-allowed", "https://app.example", "PATCH", secure+"/own"),
				want(5, "own", "app", "preflight", "header-not-allowed", "https://app.example", "PUT", secure+"/own", "x-b", "x-a"),
				want(4, "block", "block", "request", "origin-null-not-allowed", "null", "GET", plain+"/block"),
				want(3, "guard", "guard", "csrf", "origin-not-allowed", "https://evil.example", "POST", secure+"/guard"),
				want(2, "guard", "guard", "csrf", "no-origin", "", "POST", plain+"/guard"),
				want(2, "up", "app", "response", "origin-malformed", `"https://<evil>"`, "POST", plain+"/up"),
				want(1, "", "", "preflight", "no-path", "https://evil.example", "PUT", secure+"/nothing"),
				want(1, "", "", "request", "no-path", "https://evil.example", "GET", secure+"/nothing"),
				want(1, "up", "app", "websocket", "origin-not-allowed", "https://evil.example", "GET", "wss://api.example.com/up/socket"),
				want(1, "watch", "watch", "csrf-report", "origin-malformed", `"<b>\""`, "POST", plain+"/watch"),
			)
			for _, r := range g.Refusals() {
				if e, err := g.Explain(r.Example); err == nil && e.Allowed && r.Refused != "csrf-report" {
					t.Errorf("%+v was refused, but explain says %s: %s", r, e.Outcome, e.Summary)
				} else if err != nil && (r.Reason != "origin-malformed" && r.Reason != "no-origin") {
					t.Errorf("%+v: %v", r, err)
				}
			}
		})
	}
}

func TestRefusalsReload(t *testing.T) {
	text := strings.ReplaceAll(refusing, "UPSTREAM", "127.0.0.1:1")
	g, address := serve(t, text)
	f := func(text string, want string) {
		t.Helper()
		ask(t, address, "GET", "/own", "Origin: https://evil.example")
		ask(t, address, "GET", "/block", "Origin: https://evil.example")
		if err := g.Reload(parse(t, text)); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range g.Refusals() {
			got += fmt.Sprint(r.Route, " ", r.Count, ";")
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(text, "block 1;own 1;")
	f(text+"[route.more]\npath = \"/more\"\nrespond = {}\n", "block 2;own 2;")
	f(strings.Replace(text, `denied = "block"`, `denied = "block"`+"\nmax_age = \"1s\"", 1), "own 3;")
	f(strings.Replace(text, "[route.own]", "[route.mine]", 1), "")
}

// TestRefusalsJSON holds that names stay and lists are never null.
func TestRefusalsJSON(t *testing.T) {
	g, address := serve(t, strings.ReplaceAll(refusing, "UPSTREAM", "127.0.0.1:1"))
	f := func(want string) {
		t.Helper()
		text, err := json.Marshal(g.Refusals())
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := strings.Cut(string(text), `,"last":`); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f("[]")
	ask(t, address, "GET", "/own/a%20b", "Origin: https://evil.example")
	f(`[{"route":"own","policy":"app","origin":"https://evil.example","refused":"response","reason":"origin-not-allowed",` +
		`"example":{"origin":"https://evil.example","method":"GET","headers":[],"credentials":false,"url":"https://api.example.com/own/a%20b","mode":"cors"},"count":1,"over":0`)
}
