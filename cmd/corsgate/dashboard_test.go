//go:build unix

package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/browser"
)

const dashboardConfig = loopback + `
[upstream.down]
endpoints = ["http://127.0.0.1:1"]
[cors.app]
origins = ["https://app.example.com"]
methods = ["PUT"]
shadow = "open"
[cors.open]
origins = ["*"]
methods = ["PUT"]
[route.api]
path = "/api"
cors = "app"
respond = { body = "ok" }
[route.down]
path = "/down"
upstream = "down"
[limit.few]
rate = "1/h"
key = "route"
[route.few]
path = "/few"
limit = "few"
respond = { body = "ok" }
`

// hostile are values of Origin that would do something to a page that took them for markup.
var hostile = []string{
	"<img src=x onerror=document.title=1>",
	"\"><script>document.title='owned'</script>",
	"https://evil.example",
}

// TestDashboard loads the dashboard of a real gateway in a real browser, while the gateway is asked.
func TestDashboard(t *testing.T) {
	b := browser.Find(t)
	path := write(t, dashboardConfig)
	c := spawn(t, path)
	ask := func(method, path, origin string, fields ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, c.gateway+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			r.Header.Set(name, value)
		}
		res, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	for range 5 {
		ask("OPTIONS", "/api/x", "https://app.example.com", "Access-Control-Request-Method: PUT")
		ask("GET", "/api/x", "https://app.example.com")
		ask("GET", "/down", "https://app.example.com")
	}
	for _, origin := range hostile {
		ask("OPTIONS", "/api/x", origin, "Access-Control-Request-Method: PUT")
		ask("GET", "/api/x", origin)
	}
	for range 3 {
		ask("GET", "/few", "https://app.example.com")
	}
	ask("TRACE", "/", "https://app.example.com")
	// A reload that fails is said so, on the page as well.
	rewrite(t, path, "[nonsense]\n")
	c.want("POST", c.admin+"/reload", 422, "nonsense")

	// Requests go on meanwhile.
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				if res, err := c.client.Get(c.gateway + "/api/x"); err == nil {
					res.Body.Close()
				}
			}
		}
	}()
	dom := b.Load(t, c.admin+"/", "--virtual-time-budget=6000")
	question := url.Values{"origin": {"https://evil.example"}, "url": {"https://api.example.com/api/x"}, "method": {"PUT"}}
	answer := b.Load(t, c.admin+"/#explain?"+question.Encode(), "--virtual-time-budget=3000")
	close(done)
	<-stopped

	has := func(dom, part string) {
		t.Helper()
		if !strings.Contains(dom, part) {
			t.Errorf("the page does not have %q", part)
		}
	}
	turns := regexp.MustCompile(`data-turns="[2-9]`)
	if !turns.MatchString(dom) {
		t.Fatalf("the page did not refresh:\n%s", dom)
	}
	has(dom, `<span id="state" class="pill good">serving</span>`)
	has(dom, "<title>corsgate</title>")
	has(dom, path+":1: nonsense: unknown")
	has(dom, `data-key="app"`)                     // the policy
	has(dom, "origin-malformed 2")                 // its reasons
	has(dom, `data-key="down http://127.0.0.1:1"`) // the endpoint
	has(dom, "5xx 5")                              // of it
	has(dom, "denied to allowed")                  // the shadow
	has(dom, `data-key="limit few request"`)       // what was refused and lost
	has(dom, `data-key="malformed method"`)
	has(dom, `data-key="upstream down connect"`)
	has(dom, "#explain?origin=https%3A%2F%2Fevil.example")
	// What is no origin is quoted; the rest is text.
	has(dom, "&lt;img src=x onerror=document.title=1&gt;")
	has(dom, "&lt;script&gt;document.title='owned'&lt;/script&gt;")
	for _, markup := range []string{"<img", "<script>"} {
		if strings.Contains(dom, markup) {
			t.Errorf("the page has taken an origin for markup: it has %q", markup)
		}
	}
	if rate := regexp.MustCompile(`<b id="requests">([^<]*)</b>`).FindStringSubmatch(dom); rate == nil || rate[1] == "0" || rate[1] == "–" {
		t.Errorf("the rate of requests: %q", rate)
	}
	has(answer, `<dialog id="answer" aria-labelledby="answer-summary" open="">`)
	has(answer, "add \"https://evil.example\" to origins in [cors.app]")
	has(answer, "CORS check")
	c.signal(syscall.SIGTERM)
	c.ends(0)
}
