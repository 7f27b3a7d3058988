package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/access"
	"github.com/google/go-cmp/cmp"
)

// A line is one of the access log.
type line struct {
	Time                                      string
	Client, Method, Host, Path, Origin        string
	Protocol                                  string
	Status                                    int
	Route, Upstream, Endpoint, Verdict, Error string
	Bytes                                     *int64
	Total                                     *int64 `json:"total_us"`
	Own                                       *int64 `json:"own_us"`
	ID, Limit, Auth, Consumer                 string
}

// short is a line without what differs from run to run.
func (l *line) short() string {
	words := []string{l.Method, l.Host, l.Path, fmt.Sprint(l.Status), l.Route, l.Upstream, l.Endpoint, l.Verdict, l.Error, l.Origin}
	for i, w := range words {
		if w == "" {
			words[i] = "-"
		}
	}
	return strings.Join(words, " ")
}

// logged runs a gateway on one of the engines while f asks it, and returns its access log.
func logged(t *testing.T, engine, text string, f func(address string)) []line {
	t.Helper()
	return loggedOf(t, engine, text, func(_ *gateway.Gateway, address string) { f(address) })
}

// loggedOf is logged for an f that looks at the gateway, too.
func loggedOf(t *testing.T, engine, text string, f func(g *gateway.Gateway, address string)) []line {
	t.Helper()
	cfg := parseFor(t, engine, text)
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.CreateTemp(t.TempDir(), "access")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	g.LogAccess(access.Destination{Out: out})
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	f(g, g.Addr(cfg.Listeners[0].Name))
	if err := g.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-served
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	var list []line
	for text := range strings.Lines(string(b)) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if l.Client != "127.0.0.1" || l.Time == "" || l.Total == nil || *l.Total < 0 || l.Own != nil && (*l.Own < 0 || *l.Own > *l.Total) {
			t.Errorf("%s", text)
		}
		list = append(list, l)
	}
	return list
}

const accessConfig = `
[listener.http]
[log]
access = %q
[upstream.api]
endpoints = [%q]
[upstream.down]
endpoints = ["http://127.0.0.1:1"]
[cors.app]
origins = ["https://myapp.com"]
methods = ["PUT"]
denied = "block"
[cors.lenient]
origins = ["https://myapp.com"]
[route.api]
hosts = ["api.example.com"]
path = "/api"
cors = "app"
upstream = "api"
[route.lenient]
hosts = ["api.example.com"]
path = "/lenient"
cors = "lenient"
upstream = "api"
[route.down]
hosts = ["api.example.com"]
path = "/down"
upstream = "down"
[route.small]
hosts = ["api.example.com"]
path = "/small"
upstream = "api"
body_bytes = "1KiB"
`

// TestAccessLog: what is logged of which requests, whichever engine serves them.
func TestAccessLog(t *testing.T) {
	endpoint := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/missing":
			w.WriteHeader(404)
		case "/api/broken":
			w.WriteHeader(500)
		default:
			io.WriteString(w, "{}") // the client will see
		}
	}))
	const site, evil = "Origin: https://myapp.com", "Origin: https://evil.example"
	requests := func(address string) {
		ask(t, address, "GET", "/api/users?token=secret", site, "Authorization: Bearer secret", "Cookie: secret=1")
		ask(t, address, "GET", "/api/missing")
		ask(t, address, "GET", "/api/broken")
		ask(t, address, "OPTIONS", "/api/users", site, "Access-Control-Request-Method: PUT")
		ask(t, address, "OPTIONS", "/api/users", site, "Access-Control-Request-Method: PUT") // from the cache
		ask(t, address, "OPTIONS", "/api/users", evil, "Access-Control-Request-Method: PUT")
		ask(t, address, "GET", "/api/users", evil)
		ask(t, address, "GET", "/lenient", evil)
		ask(t, address, "GET", "/lenient", "Origin: http://api.example.com") // its own
		ask(t, address, "GET", "/down")
		ask(t, address, "GET", "/nowhere")
		raw(t, address, "POST /small HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n"+strings.Repeat("x", 2000))
		raw(t, address, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
	}
	all := []string{
		"GET api.example.com /api/users 200 api api " + endpoint + " allowed - https://myapp.com",
		"GET api.example.com /api/missing 404 api api " + endpoint + " - - -",
		"GET api.example.com /api/broken 500 api api " + endpoint + " - - -",
		"OPTIONS api.example.com /api/users 204 api api - allowed - https://myapp.com",
		"OPTIONS api.example.com /api/users 204 api api - allowed - https://myapp.com",
		"OPTIONS api.example.com /api/users 403 api api - origin-not-allowed - https://evil.example",
		"GET api.example.com /api/users 403 api api - origin-not-allowed guard https://evil.example",
		"GET api.example.com /lenient 200 lenient api " + endpoint + " origin-not-allowed - https://evil.example",
		"GET api.example.com /lenient 200 lenient api " + endpoint + " origin-not-allowed - http://api.example.com",
		"GET api.example.com /down 502 down down http://127.0.0.1:1 - connect -",
		"GET api.example.com /nowhere 404 - - - - no-path -",
		"POST api.example.com /small 413 small api - - content-size -",
		"GET - / 400 - - - - host -",
	}
	errors := []string{all[2], all[5], all[6], all[7], all[9], all[10], all[11], all[12]}
	for _, engine := range []string{looped, blocking} {
		f := func(access string, want []string) {
			t.Helper()
			t.Run(engine+"/"+access, func(t *testing.T) {
				var got []string
				for _, l := range logged(t, engine, fmt.Sprintf(accessConfig, access, endpoint), requests) {
					got = append(got, l.short())
					if l.Path == "/api/users" && l.Status == 200 && (l.Bytes == nil || *l.Bytes != 2) {
						t.Errorf("%s: bytes %v, want 2", l.short(), l.Bytes)
					}
					if access == "all" && l.Method != "" && l.Own == nil {
						t.Errorf("%s: its own share was not measured", l.short())
					}
				}
				if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
		f("all", all)
		f("errors", errors)
		f("0%", errors)
	}
}

// TestAccessLogReload: what is logged is what the configuration says that a request began under.
func TestAccessLogReload(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			text := func(access string) string {
				return "[listener.http]\n[log]\naccess = \"" + access + "\"\n[route.all]\nrespond = { body = \"ok\" }\n"
			}
			got := loggedOf(t, engine, text("off"), func(g *gateway.Gateway, address string) {
				for i, access := range []string{"off", "all", "errors", "off", "100%"} {
					if err := g.Reload(parseFor(t, engine, text(access))); err != nil {
						t.Fatal(err)
					}
					ask(t, address, "GET", fmt.Sprint("/", i))
					raw(t, address, "bad\r\n\r\n")
				}
			})
			var paths []string
			for _, l := range got {
				paths = append(paths, l.Path+l.Error)
			}
			want := []string{"/1", "/4", "request-line", "request-line", "request-line"}
			slices.Sort(paths)
			if diff := cmp.Diff(want, paths); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// raw sends octets and reads what comes until the end of the connection.
func raw(t *testing.T, address, octets string) {
	t.Helper()
	c := dial(t, address)
	if _, err := io.WriteString(c, octets); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestAccessLogBlocked: the log's reader has stopped. No request waits for it, and none is lost but
// in the log; nor does the shutdown wait for long.
func TestAccessLogBlocked(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cfg := parseFor(t, engine, "[listener.http]\n[log]\naccess = \"all\"\n[route.all]\nrespond = { body = \"ok\" }\n")
			g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			g.LogAccess(access.Destination{Out: w})
			if err := g.Listen(); err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- g.Serve() }()
			address := g.Addr("http")
			c := dial(t, address)
			const requests = 8000 // the pipe and the buffers hold fewer
			go func() {
				for range requests {
					io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") // the reader will see
				}
			}()
			head := make([]byte, len("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Request-Id: 0123456789abcdef0123456789abcdef\r\nContent-Length: 2\r\n\r\nok"))
			for i := range requests {
				if _, err := io.ReadFull(c, head); err != nil || !strings.HasSuffix(string(head), "\r\n\r\nok") {
					t.Fatalf("response %d: %q, %v", i, head, err)
				}
			}
			c.Close()
			if got := metric(g, "corsgate_access_log_dropped_total"); len(got) != 1 || strings.HasSuffix(got[0], " 0") {
				t.Errorf("dropped: %q, want some", got)
			}
			if err := g.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			<-served
			r.Close() // the writer is let go
			w.Close()
		})
	}
}
