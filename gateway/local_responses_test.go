package gateway_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestOwnAnswers: whatever the gateway answers by itself on a route with a policy, the page can read it; and it answers
// preflights all the same: with the upstream down, the client limited, or the listener redirecting.
func TestOwnAnswers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	mad := newDouble(t, reply{octets: "NONSENSE\r\n\r\n"})
	text := fmt.Sprintf(`
[upstream.down]
endpoints = ["http://127.0.0.1:1"]
retries = 0
[upstream.silent]
endpoints = ["http://%s"]
first_byte_timeout = "50ms"
retries = 0
[upstream.mad]
endpoints = [%q]
retries = 0
[cors.app]
origins = ["https://app.example"]
methods = ["PUT"]
denied = "block"
[limit.one]
rate = "1/h"
key = "route"
[route.limited]
path = "/limited"
cors = "app"
limit = "one"
respond = {}
[route.moved]
path = "/moved"
cors = "app"
redirect = { to = "https://new.example/" }
`, silent.Addr(), mad.url())
	for _, name := range []string{"down", "silent", "mad"} {
		text += fmt.Sprintf("[route.%s]\npath = \"/%s\"\ncors = \"app\"\nbody_bytes = 1\nupstream = %q\n", name, name, name)
	}
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			_, address := serveOn(t, engine, "[listener.http]\n"+text)
			_, redirecting := serveOn(t, engine, "[listener.http]\nredirect_https = true\n"+text)
			f := func(address string, status int, method, path string, fields ...string) {
				t.Helper()
				const origin = "https://app.example"
				res, _ := ask(t, address, method, path, append(fields, "Origin: "+origin)...)
				vary := strings.Join(res.Header.Values("Vary"), ", ")
				if got := res.Header["Access-Control-Allow-Origin"]; res.StatusCode != status || len(got) != 1 || got[0] != origin || !strings.Contains(vary, "Origin") {
					t.Errorf("%s %s: %d %v, want %d that %s can read", method, path, res.StatusCode, res.Header, status, origin)
				}
				// Nobody else can, and caches know.
				res, _ = ask(t, address, method, path, append(fields, "Origin: https://evil.example")...)
				if res.Header["Access-Control-Allow-Origin"] != nil || !strings.Contains(strings.Join(res.Header.Values("Vary"), ", "), "Origin") {
					t.Errorf("%s %s: a stranger gets %v", method, path, res.Header)
				}
			}
			f(address, 200, "GET", "/limited")
			f(address, 429, "GET", "/limited")
			f(address, 502, "GET", "/down")
			f(address, 504, "GET", "/silent")
			f(address, 502, "GET", "/mad")
			f(address, 413, "PUT", "/down", "Content-Length: 2\r\nExpect: 100-continue")
			f(address, 308, "GET", "/moved")
			f(redirecting, 308, "GET", "/down")
			const put = "Access-Control-Request-Method: PUT"
			for _, path := range []string{"/limited", "/down", "/silent", "/mad", "/moved"} {
				f(address, 204, "OPTIONS", path, put)
				f(redirecting, 204, "OPTIONS", path, put)
			}
		})
	}
}
