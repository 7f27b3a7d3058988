package gateway_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// askHost is ask for a host with a k, which is not the Kelvin sign.
func askHost(t *testing.T, address, method, target string, fields ...string) *http.Response {
	t.Helper()
	c := dial(t, address)
	defer c.Close()
	head := method + " " + target + " HTTP/1.1\r\nHost: k.test\r\nConnection: close\r\n" + strings.Join(append(fields, "Content-Length: 0"), "\r\n") + "\r\n\r\n"
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return res
}

// TestGuardReadsAllLines: what stands in two lines, of which others may read the other, is of another site; and hosts are
// compared as ASCII.
func TestGuardReadsAllLines(t *testing.T) {
	const text = `
[cors.block]
origins = ["https://myapp.com"]
denied = "block"
[cors.csrf]
origins = ["https://myapp.com"]
csrf = "enforce"
[route.block]
path = "/block"
cors = "block"
respond = {}
[route.csrf]
path = "/csrf"
cors = "csrf"
respond = {}
`
	for _, engine := range []string{looped, blocking, secure} {
		_, address := serveOn(t, engine, text)
		f := func(status int, path string, fields ...string) {
			t.Helper()
			res := askHost(t, address, "POST", path, fields...)
			if res.StatusCode != status || (res.Header.Get("Cors-Refused") != "") != (status == 403) {
				t.Errorf("%s, %s %q: %d, Cors-Refused %q, want %d", engine, path, fields, res.StatusCode, res.Header.Get("Cors-Refused"), status)
			}
		}
		for _, path := range []string{"/block", "/csrf"} {
			f(200, path, "Origin: https://myapp.com")
			f(200, path, "Origin: https://K.test")
			f(403, path, "Origin: https://\u212a.test")
			f(403, path, "Origin:", "Origin: https://evil.test")
			f(403, path, "Origin: https://evil.test", "Origin:")
			f(403, path, "Origin: https://myapp.com", "Origin: https://myapp.com")
			f(403, path, "Origin: https://k.test", "Origin: https://evil.test")
		}
		f(200, "/csrf", "Sec-Fetch-Site: same-origin")
		f(403, "/csrf", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin")
		f(403, "/csrf", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-origin")
		f(403, "/csrf", "Sec-Fetch-Site:", "Sec-Fetch-Site: same-origin")
		f(403, "/csrf", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site:")
	}
}

// TestAsteriskIsNotRedirected: "*" has no URI under https.
func TestAsteriskIsNotRedirected(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		_, address := serveOn(t, engine, "[listener.http]\nredirect_https = true\n[route.r]\nrespond = {}\n")
		for _, target := range []string{"*", "http://k.test"} {
			res := askHost(t, address, "OPTIONS", target)
			if res.StatusCode != 200 || res.Header.Get("Allow") == "" || res.Header.Get("Location") != "" {
				t.Errorf("%s, OPTIONS %s: %s %v", engine, target, res.Status, res.Header)
			}
		}
		if res := askHost(t, address, "OPTIONS", "http://k.test/"); res.Header.Get("Location") != "https://k.test/" {
			t.Errorf("%s: %s %v", engine, res.Status, res.Header)
		}
	}
}
