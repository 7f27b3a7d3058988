package proxy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file fuzzes what must come to the same: an answer from the cache and a computed one, and what explain says of a
// request and what becomes of it.

// equalConfig has a route for each kind of policy.
const equalConfig = `
[trust]
proxies = ["127.0.0.1"]
[upstream.api]
endpoints = ["http://127.0.0.1:1"]
[cors.app]
origins         = ["https://app.example", "https://*.app.example", "https://pr-*.preview.example:*", "http://localhost:*"]
methods         = ["PUT", "PATCH"]
request_headers = ["Authorization", "X-Request-ID"]
expose_headers  = ["ETag"]
credentials     = true
max_age         = "1h"
refused_preflight   = 204
expose_on_preflight = true
preflight_headers   = { Cache-Control = "no-store", Vary = "Accept" }
[cors.shadowed]
origins         = ["https://app.example", "https://*.app.example"]
shadow          = "any"
[cors.any]
origins         = ["*"]
methods         = ["*"]
request_headers = ["*", "Authorization"]
private_network = true
[cors.echo]
origins         = ["https://app.example", "null"]
methods         = ["*"]
request_headers = ["*"]
credentials     = true
denied          = "block"
dangerously_allow_null_origin = true
dangerously_reflect_any_origin = true
[cors.guard]
origins                = ["https://app.example"]
csrf                   = "enforce"
websocket_origin_check = true
upstream_cors          = "passthrough"
[route.app]
cors = "app"
upstream = "api"
[route.shadowed]
path = "/shadowed"
cors = "shadowed"
upstream = "api"
[route.any]
path = "/any"
cors = "any"
respond = { status = 200, body = "hello" }
[route.echo]
path = "/echo"
cors = "echo"
redirect = { to = "https://new.example$path" }
[route.guard]
path = "/guard"
methods = ["GET", "POST"]
cors = "guard"
upstream = "api"
[route.bare]
path = "/bare"
upstream = "api"
`

// outcomeOf plays a request's head to g and returns what comes of it but for the time in a Date, or nothing if it is no
// request.
func outcomeOf(g *Proxy, head string, now time.Time) (out string, answered bool) {
	x := newExchange(g, &wire.Request{}, nil)
	n, fault := x.req.Parse([]byte(head), g.Current().Edge.Limits)
	if fault == nil && n != len(head) {
		return "", false
	}
	if fault != nil {
		var s wire.Salvage
		s.Feed([]byte(head))
		s.Request(x.req)
	}
	x.start(&arrival{peer: netip.AddrFrom4([4]byte{127, 0, 0, 1}), on: edge.NewListener("test", nil), major: 1, now: now}, fault != nil)
	defer x.left()
	x.id = append(x.id, rehearsalID...) // what is new in each answer is no difference
	if fault != nil {
		x.reject(fault)
		return string(x.out), true
	}
	x.find()
	if x.begin() {
		return string(x.out), true
	}
	var res wire.Response
	if _, fault := res.Parse([]byte(plainResponse), g.Current().Edge.Limits); fault != nil {
		panic(fault.Reason)
	}
	x.finish(&res)
	return string(x.out), false
}

// FuzzCached: the first answer, which is computed, the second, which may come from the cache, and that of a gateway without
// one are the same, byte for byte; also after other origins have asked the same.
func FuzzCached(f *testing.F) {
	for _, path := range []string{"/", "/shadowed", "/any", "/echo", "/guard"} {
		f.Add(path, "Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization,x-request-id\r\n")
		f.Add(path, "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n")
	}
	f.Add("/any", "Origin: x y\r\nAccess-Control-Request-Method: *\r\nAccess-Control-Request-Private-Network: true\r\n")
	f.Add("/echo", "Origin: null\r\nOrigin: null\r\nAccess-Control-Request-Method: A\r\nAccess-Control-Request-Headers: a\r\nAccess-Control-Request-Headers: B, \r\n")
	cached, uncached := newBenchProxy(f, equalConfig), newBenchProxy(f, equalConfig+"[cache]\npreflights = 0\n")
	now := time.Now()
	f.Fuzz(func(t *testing.T, path, fields string) {
		head := "OPTIONS " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"
		want, _ := outcomeOf(uncached, head, now)
		if first, rest, ok := strings.Cut(fields, "\r\n"); ok && strings.HasPrefix(first, "Origin: ") {
			for _, origin := range []string{"https://app.example", "https://a.app.example", "null"} {
				outcomeOf(cached, "OPTIONS "+path+" HTTP/1.1\r\nHost: h\r\nOrigin: "+origin+"\r\n"+rest+"\r\n", now)
			}
		}
		for i := range 2 {
			if got, _ := outcomeOf(cached, head, now); got != want {
				t.Fatalf("answer %d to %q (-uncached +cached):\n%s", i+1, head, cmp.Diff(want, got))
			}
		}
	})
}

// FuzzRehearse: what a rehearsal of a preflight and of the request that follows comes to is what becomes of the same bytes.
func FuzzRehearse(f *testing.F) {
	for _, url := range []string{"https://h/", "http://h/any?q", "https://h:8443/echo/x", "http://h/guard", "https://h/bare", "wss://h/guard"} {
		f.Add("https://app.example", "", "", url, true)
		f.Add("https://evil.example", "PUT", "X-Request-ID: 1", url, false)
	}
	f.Add("null", "POST", "Content-Type", "https://h/echo", true)
	f.Add("https://h", "DELETE", "Authorization", "https://h/a%2fb", false)
	g := newBenchProxy(f, equalConfig)
	f.Fuzz(func(t *testing.T, origin, method, header, url string, credentials bool) {
		q := fetch.Question{Origin: origin, Method: method, URL: url, Credentials: credentials}
		if header != "" {
			q.Headers = []string{header}
		}
		if strings.HasPrefix(url, "ws") {
			q.Method, q.Headers = "", nil
		}
		r, err := fetch.NewRequest(q)
		if err != nil {
			return
		}
		heads := [][]string{r.Actual(0)}
		if r.NeedsPreflight() {
			heads = append(heads, r.Preflight())
		}
		for _, lines := range heads {
			head := strings.Join(lines, "\r\n") + "\r\n"
			if r.HTTPS {
				head += "X-Forwarded-Proto: https\r\n"
			}
			said := Rehearse(g.Current(), []byte(head+"\r\n"), edge.NewListener("rehearse", nil), r.HTTPS, metrics.New())
			response, _ := said.Header()
			out, answered := outcomeOf(g, head+"\r\n", time.Now())
			if said.Answered != answered {
				t.Fatalf("%+v: answered here: %t, rehearsed: %t: %q", q, answered, said.Answered, out)
			}
			got, _, _ := strings.Cut(out, "\r\n\r\n")
			for _, line := range strings.Split(got, "\r\n") {
				name, _, _ := strings.Cut(line, ":")
				ours := answered && name != "Date" && name != "X-Request-Id" || strings.HasPrefix(name, "Access-Control-") || name == "Vary" || name == "Cross-Origin-Resource-Policy"
				if ours && !strings.Contains(strings.Join(response, "\n")+"\n", line+"\n") {
					t.Fatalf("%+v: %q is in the answer, and the rehearsal has %q", q, line, response)
				}
			}
			if answered && len(response) != strings.Count(got, "\r\n")+1 {
				t.Fatalf("%+v: %q is the answer, and the rehearsal has %q", q, got, response)
			}
		}
	})
}
