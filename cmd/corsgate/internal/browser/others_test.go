package browser_test

import "strings"

// Origins.
const (
	app     = "https://app.corsgate.test"
	foreign = "https://foreign.test"
	api443  = "https://api.corsgate.test"
	api80   = "http://api.corsgate.test"
	other   = "https://other.corsgate.test" // the same gateway under another origin
	upgrade = "http://upgrade.corsgate.test"
	plain   = "http://app.corsgate.test"
	local   = "http://localhost:3000"
)

// others are the cases that are not of the grid.
func others() []*testCase {
	var all []*testCase
	for _, some := range [][]*testCase{
		methods(), safelisted(), origins(), statuses(), redirects(), exposed(), caches(), fieldsOfUpstreams(), beyond(), sockets(), forgeries(), asked(),
	} {
		all = append(all, some...)
	}
	return all
}

// methods are about the names of methods. See Fetch, "normalize a method".
func methods() []*testCase {
	return []*testCase{
		{name: "HEAD is safelisted", page: app, ask: "HEAD " + api443 + "/app", verdict: "200", reached: "HEAD"},
		{name: "PATCH is listed", page: app, ask: "PATCH " + api443 + "/app", verdict: "200", preflights: 1, reached: "PATCH"},
		{name: "patch is another method", page: app, ask: "patch " + api443 + "/app", verdict: unreadable, preflights: 1},
		{name: "put is PUT", page: app, ask: "put " + api443 + "/app", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "OPTIONS needs a preflight", page: app, ask: "OPTIONS " + api443 + "/echo", verdict: "200", preflights: 1, reached: "OPTIONS"},
		{name: "preflight answered 200", page: app, ask: "PUT " + api443 + "/ok", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "a method of its own", page: app, ask: "PURGE " + api443 + "/echo", verdict: "200", preflights: 1, reached: "PURGE"},
	}
}

// safelisted are about the headers that need no preflight, and the values that do; the policy lists no header. See
// Fetch, "CORS-safelisted request-header".
func safelisted() (cases []*testCase) {
	f := func(header string, safe bool) {
		c := &testCase{name: header, page: app, ask: "GET " + api443 + "/plain", Headers: []string{header}, verdict: unreadable, preflights: 1}
		if len(header) > 60 {
			c.name = header[:60] + "…"
		}
		if strings.HasPrefix(header, "Content-") {
			c.ask, c.Body = "POST "+api443+"/plain", "text"
		}
		if safe {
			c.verdict, c.preflights, c.reached = "200", 0, c.ask[:strings.IndexByte(c.ask, ' ')]
		}
		cases = append(cases, c)
	}
	f("Content-Type: text/plain", true)
	f("Content-Type: text/plain;charset=UTF-8", true)
	f("Content-Type: application/x-www-form-urlencoded", true)
	f("Content-Type: multipart/form-data; boundary=b", true)
	f("Content-Type: TEXT/PLAIN", true)
	f("Content-Type: text/plain; a", true)
	f("Content-Type: text/plain;;charset=a;charset=b", true)
	f("Content-Type: text/plain; charset=utf-8, text/html", true)
	f("Content-Type: application/json", false)
	f("Content-Type: text/html", false)
	f(`Content-Type: text/plain; a="b"`, false)
	f("Content-Type: text/plain; a="+strings.Repeat("b", 128), false)
	f("Accept: application/json", true)
	f("Accept: application/json;q=0.9,*/*", true)
	f("Accept: {}", false)
	f("Accept: "+strings.Repeat("a", 128), true)
	f("Accept: "+strings.Repeat("a", 129), false)
	f("Accept-Language: de-DE, en;q=0.5", true)
	f("Accept-Language: de_DE", false)
	f("Content-Language: en", true)
	f("Content-Language: en/de", false)
	f("Range: bytes=0-", true)
	f("Range: bytes=0-99", true)
	f("Range: bytes=-99", false)
	f("Range: bytes=99-0", false)
	f("Range: bytes=0-1,3-4", false)
	f("Cache-Control: no-cache", false)
	f("If-None-Match: x", false)
	f("X-HTTP-Method-Override: PUT", false)
	for _, header := range []string{"X-HTTP-Method-Override: TRACE", "X-HTTP-Method: connect", "x-method-override: GET , TRACK"} {
		f(header, true)
		cases[len(cases)-1].dropped = true
	}
	f("DPR: 1", true)
	cases[len(cases)-1].differs = "Chromium safelists client hints, the standard does not"
	f("User-Agent: x", true)
	cases[len(cases)-1].differs = "Chromium drops it: crbug.com/571722"
	return cases
}

// origins are about pages that the grid has not.
func origins() []*testCase {
	return []*testCase{
		{name: "any port", page: "https://app.corsgate.test:8443", ask: "PUT " + api443 + "/ports", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "any port, or none", page: app, ask: "PUT " + api443 + "/ports", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "an http origin", page: plain, ask: "GET " + api80 + "/plain", verdict: "200", reached: "GET"},
		{name: "https for an http page", page: plain, ask: "GET " + api443 + "/plain", verdict: "200", reached: "GET"},
		{name: "http on loopback for an https page", page: app, ask: "GET http://api.localhost/plain", verdict: "200", reached: "GET"},
		{name: "http for an https page", page: app, ask: "GET " + api80 + "/plain", verdict: unreadable},
		{name: "http for an https page, preflight", page: app, ask: "PUT " + api80 + "/any", verdict: unreadable},
		{name: "http on loopback for an https page, preflight", page: app, ask: "PUT http://api.localhost/any", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "null", page: app, By: "sandboxed", ask: "GET " + api443 + "/app", verdict: unreadable, reached: "GET"},
		{name: "null, preflight", page: app, By: "sandboxed", ask: "PUT " + api443 + "/app", verdict: unreadable, preflights: 1},
		{name: "null is allowed", page: app, By: "sandboxed", ask: "GET " + api443 + "/null", verdict: "200", reached: "GET"},
		{name: "null is allowed, preflight", page: app, By: "sandboxed", ask: "PUT " + api443 + "/null", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "null is any origin", page: app, By: "sandboxed", ask: "PUT " + api443 + "/any", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "only null is allowed", page: app, ask: "GET " + api443 + "/null", verdict: unreadable, reached: "GET"},
		{name: "its own origin", page: api443, ask: "DELETE " + api443 + "/app", Headers: []string{"X-Debug: x"}, verdict: "200", readable: "x-request-id x-secret", reached: "DELETE"},
		{name: "its own origin, blocked others", page: api443, ask: "POST " + api443 + "/block", verdict: "200", readable: "x-request-id x-secret", reached: "POST"},
		{name: "login", page: app, ask: "POST " + api443 + "/app/login", Credentials: true, verdict: "200", reached: "POST"},
		{name: "with the cookie", page: app, ask: "GET " + api443 + "/app/me", Credentials: true, verdict: "200", reached: "GET+cookie"},
		{name: "without", page: app, ask: "GET " + api443 + "/app/me", verdict: "200", reached: "GET"},
		// What CORS does not do: the API has acted on the request before its answer is hidden. The page is of the same
		// site, as browsers may keep cookies from others.
		{name: "foreign, with the cookie", page: "https://app.corsgate.test:8443", ask: "POST " + api443 + "/app/me", Credentials: true, verdict: unreadable, reached: "POST+cookie"},
	}
}

// statuses are about those that a page can read, also where the gateway itself has failed.
func statuses() []*testCase {
	return []*testCase{
		{name: "401 of the API", page: app, ask: "GET " + api443 + "/app/status?status=401", verdict: "401", reached: "GET"},
		{name: "404 of the API", page: app, ask: "PUT " + api443 + "/app/status?status=404", verdict: "404", preflights: 1, reached: "PUT"},
		{name: "500 of the API", page: app, ask: "GET " + api443 + "/app/status?status=500", verdict: "500", reached: "GET"},
		{name: "204 of the API", page: app, ask: "GET " + api443 + "/app/status?status=204", verdict: "204", reached: "GET"},
		{name: "413", page: app, ask: "POST " + api443 + "/small", Body: "eleven octets", verdict: "413", readable: "x-request-id"},
		{name: "413 after a preflight", page: app, ask: "PUT " + api443 + "/small", Body: "eleven octets", verdict: "413", readable: "x-request-id", preflights: 1},
		{name: "502", page: app, ask: "GET " + api443 + "/down", verdict: "502", readable: "x-request-id"},
		{name: "502 after a preflight", page: app, ask: "PUT " + api443 + "/down", verdict: "502", readable: "x-request-id", preflights: 1},
		{name: "502, foreign", page: foreign, ask: "GET " + api443 + "/down", verdict: unreadable},
		{name: "504", page: app, ask: "GET " + api443 + "/slow/hang", verdict: "504", readable: "x-request-id", reached: "GET"},
		{name: "fixed", page: app, ask: "GET " + api443 + "/fixed", verdict: "418", readable: "x-request-id"},
		{name: "fixed, foreign", page: foreign, ask: "GET " + api443 + "/fixed", verdict: unreadable},
		{name: "fixed, no policy", page: app, ask: "GET " + api443 + "/fixed-bare", verdict: unreadable},
		{name: "404, no route", page: app, ask: "GET " + api443 + "/nothing", verdict: unreadable},
		{name: "no route, preflight", page: app, ask: "PUT " + api443 + "/nothing", verdict: unreadable},
		{name: "no route for the method", page: app, ask: "PUT " + api443 + "/get-only", verdict: unreadable},
		{name: "405", page: app, ask: "POST " + api443 + "/get-only", verdict: "405", readable: "x-request-id"},
		{name: "blocked", page: foreign, ask: "GET " + api443 + "/block", verdict: unreadable},
		{name: "not blocked", page: app, ask: "GET " + api443 + "/block", verdict: "200", reached: "GET"},
	}
}

// redirects: a page's origin is null to whatever another origin redirects to. See Fetch, "HTTP-redirect fetch", step 10.
func redirects() []*testCase {
	// f is about a redirect of the API, "METHOD URL" to a URL.
	f := func(name, page, from, to, verdict string, preflights int, reached string) *testCase {
		return &testCase{name: name, page: page, ask: from + "/redirect?to=" + to, then: []string{to},
			verdict: verdict, preflights: preflights, reached: reached}
	}
	const secure = "https://upgrade.corsgate.test"
	return []*testCase{
		f("within the API", app, "GET "+api443+"/app", api443+"/app", "200", 0, "GET GET"),
		f("within the API, preflights", app, "PUT "+api443+"/app", api443+"/app", "200", 2, "PUT PUT"),
		f("to what is not shared", app, "GET "+api443+"/app", api443+"/subdomains", unreadable, 0, "GET GET"),
		f("from what is not shared", foreign, "GET "+api443+"/app", api443+"/any", unreadable, 0, "GET"),
		f("to another origin", app, "GET "+api443+"/app", other+"/app", unreadable, 0, "GET GET"),
		f("to another origin for all", app, "GET "+api443+"/app", other+"/any", "200", 0, "GET GET"),
		f("to another origin for null", app, "PUT "+api443+"/app", other+"/null", "200", 2, "PUT PUT"),
		f("from its own origin", api443, "GET "+api443+"/app", other+"/any", "200", 0, "GET GET"),
		{name: "the gateway's", page: app, ask: "GET " + api443 + "/moved", verdict: "200", reached: "GET"},
		{name: "the gateway's, preflights", page: app, ask: "PUT " + api443 + "/moved", verdict: "200", preflights: 2, reached: "PUT"},
		{name: "the gateway's, foreign", page: foreign, ask: "GET " + api443 + "/moved", verdict: unreadable},
		{name: "the gateway's, no policy", page: app, ask: "GET " + api443 + "/moved-bare", verdict: unreadable},
		{name: "an error, if the page wants it", page: app, ask: "GET " + api443 + "/moved", Redirect: "error", verdict: unreadable},
		{name: "opaque, if the page wants it", page: app, ask: "GET " + api443 + "/moved", Redirect: "manual", verdict: "opaqueredirect"},
		{name: "to https, for all", page: plain, ask: "GET " + upgrade + "/any", then: []string{secure + "/any"}, verdict: "200", reached: "GET"},
		{name: "to https, preflights", page: plain, ask: "PUT " + upgrade + "/any", then: []string{secure + "/any"}, verdict: "200", preflights: 2, reached: "PUT"},
		{name: "to https, for one origin", page: plain, ask: "GET " + upgrade + "/plain", then: []string{secure + "/plain"}, verdict: unreadable, reached: "GET"},
	}
}

// exposed are about the headers that a page can read.
func exposed() []*testCase {
	return []*testCase{
		{name: "one", page: app, ask: "GET " + api443 + "/expose", verdict: "200", readable: "x-request-id", reached: "GET"},
		{name: "all", page: app, ask: "GET " + api443 + "/expose-any", verdict: "200", readable: "x-request-id x-secret", reached: "GET"},
		{name: "the upstream's, dropped", page: app, ask: "GET " + api443 + "/expose/own", verdict: "200", readable: "x-request-id", reached: "GET"},
		{name: "the upstream's, merged", page: app, ask: "GET " + api443 + "/merge/own", verdict: "200", readable: "x-request-id x-secret", reached: "GET"},
		{name: "the timing", page: app, ask: "GET " + api443 + "/timing", Timing: true, verdict: "200", readable: "timing", reached: "GET"},
		{name: "not the timing", page: app, ask: "GET " + api443 + "/plain", Timing: true, verdict: "200", reached: "GET"},
	}
}

// caches are about how long browsers remember a preflight: these cases share URLs. That of a policy without max_age is
// left out: browsers remember it for five seconds, and a test cannot promise to be slower, or faster.
func caches() []*testCase {
	return []*testCase{
		{name: "the first asks", page: app, ask: "PUT " + api443 + "/cached?again", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "the second does not", page: app, ask: "PUT " + api443 + "/cached?again", verdict: "200", reached: "PUT"},
		// The answer lists what the policy lists, not only what was asked for.
		{name: "nor another method", page: app, ask: "PATCH " + api443 + "/cached?again", verdict: "200", reached: "PATCH"},
		{name: "nor a header", page: app, ask: "GET " + api443 + "/cached?again", Headers: []string{"X-Client: x"}, verdict: "200", reached: "GET"},
		{name: "a method that is not listed", page: app, ask: "DELETE " + api443 + "/cached?again", verdict: unreadable, preflights: 1},
		{name: "a refusal is not remembered", page: app, ask: "DELETE " + api443 + "/cached?again", verdict: unreadable, preflights: 1},
		{name: "credentials", page: app, ask: "PUT " + api443 + "/cached?again=2", Credentials: true, verdict: "200", preflights: 1, reached: "PUT"},
		{name: "another URL", page: app, ask: "PUT " + api443 + "/cached?again=3", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "max_age = 0s", page: app, ask: "PUT " + api443 + "/uncached?again", verdict: "200", preflights: 1, reached: "PUT"},
		{name: "max_age = 0s, again", page: app, ask: "PUT " + api443 + "/uncached?again", verdict: "200", preflights: 1, reached: "PUT"},
	}
}

// fieldsOfUpstreams are about upstreams that send CORS fields themselves.
func fieldsOfUpstreams() []*testCase {
	return []*testCase{
		{name: "replaced", page: app, ask: "GET " + api443 + "/app/foreign", verdict: "200", reached: "GET"},
		{name: "dropped", page: foreign, ask: "GET " + api443 + "/app/foreign", verdict: unreadable, reached: "GET"},
		{name: "passed, another origin", page: app, ask: "GET " + api443 + "/pass/foreign", verdict: unreadable, reached: "GET"},
		{name: "passed", page: foreign, ask: "GET " + api443 + "/pass/foreign", verdict: "200", readable: "x-secret", reached: "GET"},
		{name: "no policy", page: foreign, ask: "GET " + api443 + "/bare/own", verdict: "200", readable: "x-secret", reached: "GET"},
		{name: "no policy, preflight", page: foreign, ask: "PUT " + api443 + "/bare/own", verdict: "200", readable: "x-secret", reached: "OPTIONS PUT"},
		{name: "no policy, no fields", page: app, ask: "PUT " + api443 + "/bare", verdict: unreadable, reached: "OPTIONS"},
	}
}

// beyond are about requests that CORS has no say in.
func beyond() []*testCase {
	return []*testCase{
		{name: "no-cors", page: foreign, ask: "GET " + api443 + "/app", Mode: "no-cors", verdict: "opaque", reached: "GET"},
		{name: "no-cors, a POST that is blocked", page: foreign, ask: "POST " + api443 + "/block", Mode: "no-cors", Body: "text", verdict: "opaque"},
		{name: "resource policy", page: foreign, ask: "GET " + api443 + "/same-origin", Mode: "no-cors", verdict: unreadable, reached: "GET"},
		{name: "resource policy, CORS", page: app, ask: "GET " + api443 + "/same-origin", verdict: "200", reached: "GET"},
		{name: "same-origin mode", page: app, ask: "GET " + api443 + "/app", Mode: "same-origin", verdict: unreadable},
	}
}

// sockets are about WebSockets, which know no CORS.
func sockets() []*testCase {
	f := func(name, page, url, verdict string) *testCase {
		c := &testCase{name: "WebSocket: " + name, page: page, By: "socket", ask: "GET " + url, verdict: verdict}
		if verdict == "hello" {
			c.reached = "GET"
		}
		return c
	}
	return []*testCase{
		f("allowed", app, "wss://api.corsgate.test/app/ws", "hello"),
		f("its own origin", api443, "wss://api.corsgate.test/app/ws", "hello"),
		f("foreign", foreign, "wss://api.corsgate.test/app/ws", "refused"),
		f("any", foreign, "wss://api.corsgate.test/any/ws", "hello"),
		f("not checked", foreign, "wss://api.corsgate.test/sockets/ws", "hello"),
		f("no policy", foreign, "wss://api.corsgate.test/bare/ws", "hello"),
		f("no TLS", local, "ws://api.localhost/ports/ws", "hello"),
		f("no TLS, foreign", plain, "ws://api.corsgate.test/app/ws", "refused"),
	}
}

// forgeries are about what a page can make a browser send with its user's cookies. http origins off loopback send no
// Sec-Fetch-Site, so Origin must do.
func forgeries() []*testCase {
	f := func(name, page, ask, reached string) *testCase {
		return &testCase{name: "form: " + name, page: page, By: "form", ask: ask, verdict: "sent", reached: reached}
	}
	return []*testCase{
		f("allowed", app, "POST "+api443+"/csrf", "POST"),
		f("its own origin", api443, "POST "+api443+"/csrf", "POST"),
		f("foreign", foreign, "POST "+api443+"/csrf", ""),
		f("foreign, same site", "https://app.corsgate.test:8443", "POST "+api443+"/csrf", ""),
		f("foreign, a GET", foreign, "GET "+api443+"/csrf", "GET"),
		f("foreign, http", "http://foreign.test", "POST "+api80+"/csrf", ""),
		f("foreign, loopback", local, "POST http://api.localhost/csrf", ""),
		f("foreign, reported", foreign, "POST "+api443+"/csrf-report", "POST"),
		f("foreign, off", foreign, "POST "+api443+"/app", "POST"),
		{name: "csrf: no-cors", page: foreign, ask: "POST " + api443 + "/csrf", Mode: "no-cors", Body: "text", verdict: "opaque"},
		{name: "csrf: fetch", page: foreign, ask: "POST " + api443 + "/csrf", Body: "text", verdict: unreadable},
		{name: "csrf: fetch, a GET", page: foreign, ask: "GET " + api443 + "/csrf", verdict: unreadable, reached: "GET"},
		{name: "csrf: fetch, allowed", page: app, ask: "POST " + api443 + "/csrf", Body: "text", verdict: "200", reached: "POST"},
	}
}
