package gateway_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/internal/redistest"
)

// limitConfig has limits so slow that no test sees them move.
const limitConfig = `
[trust]
proxies = ["127.0.0.0/8"]

[limit.tight]
rate  = "1/h"
burst = 2

[limit.sites]
rate = "1/h"
key  = "origin"

[limit.tenants]
rate = "1/h"
key  = "header:X-Tenant"

[limit.all]
rate = "1/h"
key  = "route"

[cors.app]
origins        = ["https://myapp.com", "https://other.com"]
methods        = ["PUT"]
expose_headers = ["ETag"]
denied         = "block"

[upstream.api]
endpoints = ["UPSTREAM"]

[route.api]
path     = "/api"
cors     = "app"
upstream = "api"
limit    = "tight"
body_bytes = "1"

[route.fixed]
path    = "/fixed"
respond = { status = 200, body = "fixed" }
limit   = "tight"

[route.moved]
path     = "/moved"
redirect = { to = "/api", status = 307 }
limit    = "tight"

[route.sites]
path    = "/sites"
cors    = "app"
respond = { status = 200, body = "site" }
limit   = "sites"

[route.tenants]
path    = "/tenants"
cors    = "app"
respond = { status = 200, body = "tenant" }
limit   = "tenants"

[route.one]
path    = "/one"
respond = { status = 200, body = "one" }
limit   = "all"

[route.two]
path    = "/two"
respond = { status = 200, body = "two" }
limit   = "all"
`

// onBoth runs a test on each engine, with an upstream that answers "ok".
func onBoth(t *testing.T, text string, f func(t *testing.T, g *gateway.Gateway, address string)) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
			g, address := serveOn(t, engine, strings.ReplaceAll(text, "UPSTREAM", d.url()))
			f(t, g, address)
		})
	}
}

// onStores is onBoth for limits that are counted here, and for the same in Redis.
func onStores(t *testing.T, f func(t *testing.T, g *gateway.Gateway, address, text string)) {
	t.Run("local", func(t *testing.T) {
		onBoth(t, limitConfig, func(t *testing.T, g *gateway.Gateway, address string) { f(t, g, address, limitConfig) })
	})
	redistest.Each(t, func(t *testing.T, server string) {
		n := 0
		text := inRedis(limitConfig, server)
		for _, engine := range []string{looped, blocking} {
			t.Run(engine, func(t *testing.T) {
				d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
				n++
				text := strings.Replace(text, "corsgate:", fmt.Sprint("test", n, ":"), 1)
				g, address := serveOn(t, engine, strings.ReplaceAll(text, "UPSTREAM", d.url()))
				sharing(t, g)
				f(t, g, address, text)
			})
		}
	})
}

var limitSeconds = regexp.MustCompile(`(;t=|^)(\d+)$`)

// untimed is a value that ends in the seconds until something happens, without those that the test itself has taken: up to two
// minutes.
func untimed(value string) string {
	return limitSeconds.ReplaceAllStringFunc(value, func(s string) string {
		digits := strings.TrimPrefix(s, ";t=")
		n, err := strconv.Atoi(digits)
		if err != nil {
			return s
		}
		return strings.TrimSuffix(s, digits) + strconv.Itoa((n+119)/120*120)
	})
}

// head returns the status and the fields of a response that a limit has to do with.
func head(res *http.Response) string {
	s := fmt.Sprint(res.StatusCode)
	for _, name := range []string{"Retry-After", "RateLimit-Policy", "RateLimit", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary"} {
		for _, v := range res.Header.Values(name) {
			s += "\n" + name + ": " + untimed(v)
		}
	}
	return s
}

// A client is told how much is left, then refused in a way that its page can read, until some time
// has passed; others are served.
func TestLimit(t *testing.T) {
	onStores(t, func(t *testing.T, g *gateway.Gateway, address, _ string) {
		f := func(want, client, path string, fields ...string) {
			t.Helper()
			res, content := ask(t, address, "GET", path, append(fields, "X-Forwarded-For: "+client)...)
			if got := head(res); got != want {
				t.Errorf("%s of %s:\n%s\nwant\n%s\n(%s)", path, client, got, want, content)
			}
		}
		const page = "Origin: https://myapp.com"
		const shared = "\nAccess-Control-Allow-Origin: https://myapp.com\nAccess-Control-Expose-Headers: ETag"
		const policy = "\nRateLimit-Policy: \"tight\";q=2;w=7200"
		f("200"+policy+"\nRateLimit: \"tight\";r=1;t=3600"+shared+"\nVary: Origin", "192.0.2.1", "/api", page)
		f("200"+policy+"\nRateLimit: \"tight\";r=0;t=3600", "192.0.2.1", "/fixed")
		refused := "429\nRetry-After: 3600" + policy + "\nRateLimit: \"tight\";r=0;t=3600"
		f(refused+shared+", Retry-After, RateLimit, RateLimit-Policy, X-Request-Id\nVary: Origin", "192.0.2.1", "/api", page)
		f(refused+"\nVary: Origin", "192.0.2.1", "/api")
		f(refused+"\nVary: Origin", "192.0.2.1", "/api", "Origin: https://evil.example") // not 403: the limit comes first
		f(refused, "192.0.2.1", "/fixed")
		f(refused, "192.0.2.1", "/moved")
		f("307", "192.0.2.2", "/moved") // a redirect is to be followed at once
		f("200"+policy+"\nRateLimit: \"tight\";r=0;t=3600", "192.0.2.2", "/fixed")

		// A /64 is one client.
		f("307", "2001:db8::1", "/moved")
		f("307", "2001:db8::ffff:2", "/moved")
		f(refused, "2001:db8::3", "/moved")
		f("307", "2001:db8:0:1::1", "/moved")

		// What comes after the limits: the size of the content, and the policy's guard.
		f("413\nAccess-Control-Allow-Origin: https://myapp.com\nAccess-Control-Expose-Headers: ETag, X-Request-Id\nVary: Origin", "192.0.2.3", "/api", page, "Content-Length: 20000")
		f("403\nVary: Origin", "192.0.2.3", "/api", "Origin: https://evil.example")
		f(refused+"\nVary: Origin", "192.0.2.3", "/api", "Content-Length: 20000")

		var counted []string
		for _, line := range counters(t, g) {
			if strings.HasPrefix(line, "corsgate_limited") {
				counted = append(counted, line)
			}
		}
		if want := `corsgate_limited_total[name:"kind" value:"request" name:"limit" value:"tight"] 7`; len(counted) != 1 || strings.ReplaceAll(counted[0], "  ", " ") != want {
			t.Errorf("counted %q, want %s", counted, want)
		}
	})
}

// Requests are counted by what the limit says, and nobody leaves it by leaving that out.
func TestLimitKeys(t *testing.T) {
	onStores(t, func(t *testing.T, _ *gateway.Gateway, address, _ string) {
		f := func(want int, path string, fields ...string) {
			t.Helper()
			res, _ := ask(t, address, "GET", path, fields...)
			if res.StatusCode != want {
				t.Errorf("%s with %q: %d, want %d", path, fields, res.StatusCode, want)
			}
			if res.StatusCode == 200 && !strings.Contains(path, "tenants") && res.Header.Get("RateLimit") != "" {
				t.Errorf("%s: a bucket that is shared tells of others: %s", path, res.Header.Get("RateLimit"))
			}
		}
		f(200, "/sites", "Origin: https://myapp.com")
		f(429, "/sites", "Origin: https://myapp.com", "X-Forwarded-For: 192.0.2.9")
		f(200, "/sites", "Origin: https://other.com")
		f(200, "/sites")
		f(429, "/sites")
		f(429, "/sites", "Origin: https://evil.example") // shares with those who have none
		f(429, "/sites", "Origin: https://myapp.com", "Origin: https://myapp.com")

		f(200, "/tenants", "x-tenant: a")
		f(429, "/tenants", "X-Tenant: a")
		f(200, "/tenants", "X-Tenant: b")
		f(200, "/tenants", "X-Tenant: c", "X-Tenant: d") // the upstream may read either
		f(429, "/tenants")

		f(200, "/one")
		f(429, "/one", "X-Forwarded-For: 192.0.2.9")
		f(200, "/two")
		f(429, "/two")
	})
}

// Preflights are answered to a client that has used up its limit, until there is a flood of them, which takes
// nothing from requests.
func TestPreflightLimit(t *testing.T) {
	onStores(t, func(t *testing.T, _ *gateway.Gateway, address, _ string) {
		preflight := func(path, client string) *http.Response {
			res, _ := ask(t, address, "OPTIONS", path, "Origin: https://myapp.com", "Access-Control-Request-Method: PUT", "X-Forwarded-For: "+client)
			return res
		}
		for range 3 {
			ask(t, address, "GET", "/api", "X-Forwarded-For: 192.0.2.1")
		}
		for i := range 20 {
			if res := preflight("/api", "192.0.2.1"); res.StatusCode != 204 || res.Header.Get("RateLimit") != "" {
				t.Fatalf("preflight %d: %s", i+1, head(res))
			}
		}
		want := "429\nRetry-After: 360\nRateLimit-Policy: \"tight\";q=2;w=7200\nRateLimit: \"tight\";r=0;t=360\n" +
			"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
		if got := head(preflight("/api", "192.0.2.1")); got != want {
			t.Errorf("one too many:\n%s\nwant\n%s", got, want)
		}
		if res := preflight("/api", "192.0.2.2"); res.StatusCode != 204 {
			t.Errorf("another client: %s", head(res))
		}
		for range 20 {
			preflight("/api", "192.0.2.3")
		}
		if res, _ := ask(t, address, "GET", "/api", "X-Forwarded-For: 192.0.2.3"); res.StatusCode != 200 {
			t.Errorf("a request after many preflights: %s", head(res))
		}
		// A page cannot set a field in a preflight: they are counted by address.
		for range 10 {
			preflight("/tenants", "192.0.2.4")
		}
		if a, b := preflight("/tenants", "192.0.2.4"), preflight("/tenants", "192.0.2.5"); a.StatusCode != 429 || b.StatusCode != 204 {
			t.Errorf("preflights counted by a field: %d and %d, want 429 and 204", a.StatusCode, b.StatusCode)
		}
	})
}

// What was counted survives a reload, unless the limit itself changed.
func TestLimitSurvivesReload(t *testing.T) {
	onStores(t, func(t *testing.T, g *gateway.Gateway, address, text string) {
		file, _ := g.Config()
		upstream := file.Upstreams[0].Endpoints[0].URL
		f := func(want int, old, changed string) {
			t.Helper()
			text := strings.ReplaceAll(strings.Replace(text, old, changed, 1), "UPSTREAM", upstream)
			cfg := parse(t, text)
			cfg.Listeners = file.Listeners
			if err := g.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			if res, _ := ask(t, address, "GET", "/fixed"); res.StatusCode != want {
				t.Errorf("after %q became %q: %d, want %d", old, changed, res.StatusCode, want)
			}
		}
		for range 3 {
			ask(t, address, "GET", "/fixed")
		}
		f(429, `body = "fixed"`, `body = "other"`)
		f(200, "burst = 2", "burst = 3")
		f(200, "burst = 2", "burst = 2") // it changed again
	})
}
