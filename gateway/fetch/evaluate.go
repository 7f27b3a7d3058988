package fetch

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file evaluates answers as a browser does. The steps have the names and numbers of the
// Fetch standard:
//
//	main fetch ─┬─ blocked (mixed content, mode) ─────────────────────────────► Denied, not sent
//	            ├─ CORS-preflight fetch, step 7 ─┬─ CORS check ─┬─ fails ─────► Denied, not sent
//	            │                                ├─ ok status   │
//	            │                                ├─ 7.5 method  │
//	            │                                └─ 7.6, 7.7 header names
//	            ├─ no CORS: navigate, no-cors, websocket ─────────────────────► mode.go
//	            ├─ same origin ───────────────────────────────────────────────► SameOrigin
//	            └─ CORS check of the response ─┬─ passes ─────────────────────► Allowed, Redirected
//	                                           └─ fails ──────────────────────► Denied, although sent
//
// The last line is what surprises people: CORS withholds the response, not the request.

// Evaluate returns a browser's verdict on the answers to r, in the credentials mode "include"
// if credentials is set, else without credentials. preflight is nil if none is sent. actual is
// nil if the request was not made: the verdict is then on the preflight alone, and its Sent
// says whether the request may be made.
func (r *Request) Evaluate(credentials bool, preflight, actual *Answer) Verdict {
	e := &evaluation{Request: r, include: credentials, steps: []Step{}}
	outcome, sent := e.outcome(preflight, actual)
	return Verdict{Outcome: outcome, Sent: sent, Steps: e.steps}
}

// An evaluation records its steps.
type evaluation struct {
	*Request
	include bool // the credentials mode
	steps   []Step
}

// outcome is Fetch, "main fetch", as far as it concerns CORS.
func (e *evaluation) outcome(preflight, actual *Answer) (o Outcome, sent bool) {
	switch why := e.Blocked(); {
	case why != "":
		e.step("main fetch", false, "%s", why)
		return Denied, false
	// The fields come from an upstream that was not asked: nothing can be said yet.
	case preflight != nil && !e.Same && preflight.Open:
		return Upstream, false
	case preflight != nil && !e.Same && !e.preflightFetch(preflight):
		return Denied, false
	case actual == nil:
		return Denied, true
	case e.Mode == ModeNavigate || e.Mode == ModeNoCORS && !e.Same || e.Mode == ModeWebSocket:
		return e.withoutCORS(actual), true
	// A redirect to another origin turns a same-origin request into a CORS request
	// (HTTP-redirect fetch).
	case e.Same:
		if to := actual.location(); e.Mode == ModeCORS && to != "" && !e.staysAtOrigin(to) {
			e.redirect(to)
			return Redirected, true
		}
		return SameOrigin, true
	case actual.Open:
		return Upstream, true
	case !e.corsCheck(actual.Header):
		return Denied, true
	}
	if to := actual.location(); to != "" {
		e.redirect(to)
		return Redirected, true
	}
	return Allowed, true
}

// location returns where the answer redirects to, or "".
func (a *Answer) location() string {
	if !IsRedirect(a.Status) {
		return ""
	}
	return a.Header.Get("Location")
}

// step records a step and returns ok.
func (e *evaluation) step(where string, ok bool, format string, args ...any) bool {
	e.steps = append(e.steps, Step{Where: where, OK: ok, Text: fmt.Sprintf(format, args...)})
	return ok
}

// corsCheck is Fetch, "CORS check":
//
//	1, 2   get Access-Control-Allow-Origin; fail if there is none
//	3      succeed for "*" without credentials
//	4      fail unless it is the serialized origin, byte for byte
//	5      succeed without credentials
//	6, 7   succeed if Access-Control-Allow-Credentials is "true"
//	8      fail
//
// Two lines of a field are one value joined by ", " (Fetch, "get"), which equals no origin:
// that is how a proxy and an upstream that both set the field break each other.
func (e *evaluation) corsCheck(h http.Header) bool {
	const where = "CORS check, step "
	lines := h.Values("Access-Control-Allow-Origin")
	allowed := strings.Join(lines, ", ")
	switch {
	case len(lines) == 0:
		return e.step(where+"2", false, "the response has no Access-Control-Allow-Origin")
	case !e.include && allowed == "*":
		return e.step(where+"3", true, "Access-Control-Allow-Origin is *, and the request carries no credentials")
	case allowed == "*":
		return e.step(where+"4", false, "Access-Control-Allow-Origin is *, which does not cover requests with credentials")
	case allowed != e.Origin:
		return e.step(where+"4", false, "Access-Control-Allow-Origin is %s, not the page's origin", allowed)
	}
	e.step(where+"4", true, "Access-Control-Allow-Origin is the page's origin")
	if !e.include {
		return e.step(where+"5", true, "the request carries no credentials, so that is enough")
	}
	if v := strings.Join(h.Values("Access-Control-Allow-Credentials"), ", "); v != "true" {
		return e.step(where+"8", false, "the request carries credentials, and the response has no Access-Control-Allow-Credentials: true")
	}
	return e.step(where+"7", true, "the request carries credentials, and Access-Control-Allow-Credentials is true")
}

// preflightFetch is Fetch, "CORS-preflight fetch", from step 7 on. Step 7 is one condition with
// two parts, which are reported separately. Steps 7.8 to 7.15 only fill the cache.
func (e *evaluation) preflightFetch(a *Answer) bool {
	const where = "CORS-preflight fetch, step "
	if !e.corsCheck(a.Header) {
		return e.step(where+"7", false, "the answer to the preflight fails the CORS check")
	}
	if a.Status < 200 || a.Status > 299 {
		return e.step(where+"7", false, "the preflight is answered %d, which is not an ok status", a.Status)
	}
	e.step(where+"7", true, "the answer to the preflight passes the CORS check, and %d is an ok status", a.Status)
	methods, ok := members(a.Header.Values("Access-Control-Allow-Methods"))
	names, alsoOK := members(a.Header.Values("Access-Control-Allow-Headers"))
	if !ok || !alsoOK {
		return e.step(where+"7.3", false, "Access-Control-Allow-Methods or Access-Control-Allow-Headers is malformed")
	}
	return e.methodStep(where+"7.5", methods) && e.headerSteps(where, names)
}

// methodStep is step 7.5. Methods are compared with their case, as the request's was normalized
// before.
func (e *evaluation) methodStep(where string, methods []string) bool {
	switch {
	case slices.Contains(methods, e.Method):
		return e.step(where, true, "Access-Control-Allow-Methods has %s", e.Method)
	case cors.SafelistedMethod(e.Method):
		return e.step(where, true, "%s is CORS-safelisted and need not be in Access-Control-Allow-Methods", e.Method)
	case !slices.Contains(methods, "*"):
		return e.step(where, false, "Access-Control-Allow-Methods does not have %s", e.Method)
	case e.include:
		return e.step(where, false, "Access-Control-Allow-Methods is *, which does not cover requests with credentials")
	}
	return e.step(where, true, "Access-Control-Allow-Methods is *, and the request carries no credentials")
}

// headerSteps is steps 7.6 and 7.7. Names are compared without case.
func (e *evaluation) headerSteps(where string, names []string) bool {
	listed := func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	star := slices.Contains(names, "*")
	// Step 7.6 is about the one name that no star covers, and comes first.
	if slices.Contains(e.Unsafe, "authorization") && !listed("authorization") {
		return e.step(where+"7.6", false, "Access-Control-Allow-Headers does not have authorization, which * does not cover")
	}
	for _, name := range e.Unsafe {
		switch {
		case name == "authorization":
			e.step(where+"7.6", true, "Access-Control-Allow-Headers has authorization")
		case listed(name):
			e.step(where+"7.7", true, "Access-Control-Allow-Headers has %s", name)
		case star && !e.include:
			e.step(where+"7.7", true, "Access-Control-Allow-Headers has *, which covers %s", name)
		case star:
			return e.step(where+"7.7", false, "Access-Control-Allow-Headers does not have %s, and * does not cover requests with credentials", name)
		default:
			return e.step(where+"7.7", false, "Access-Control-Allow-Headers does not have %s", name)
		}
	}
	return true
}

// redirect records with which origin a redirect is followed. See Fetch, "HTTP-redirect fetch".
func (e *evaluation) redirect(location string) {
	origin := e.RedirectOrigin(location)
	if origin == "" {
		e.step("HTTP-redirect fetch", false, "the redirect to %s does not lead to an http or https URL, so browsers do not follow it", location)
		return
	}
	e.step("HTTP-redirect fetch", true, "the redirect to %s is followed with Origin: %s", location, origin)
}

// RedirectOrigin returns the Origin with which a redirect of r's URL is followed, or "" if it
// is not. See Fetch, "HTTP-redirect fetch", and "serializing a request origin": the second hop
// from one origin to another taints it.
func (r *Request) RedirectOrigin(location string) string {
	base, err := url.Parse(r.TargetOrigin() + "/")
	if err != nil {
		return ""
	}
	to, err := base.Parse(strings.ReplaceAll(location, `\`, "/"))
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return ""
	}
	host := strings.ToLower(to.Host)
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[to.Scheme])
	// From the page's origin to A is one hop, from A to another origin is the second: then the
	// servers on the way cannot vouch for the page any more, and Origin is "null".
	if !r.Same && to.Scheme+"://"+host != r.TargetOrigin() {
		return "null"
	}
	return r.Origin
}

// IsRedirect reports whether a browser follows the Location of an answer with this status. See
// Fetch, "redirect status".
func IsRedirect(status int) bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, status)
}

// members returns the members of a list field, and whether all are tokens. See Fetch, "extract
// header list values".
func members(lines []string) (list []string, ok bool) {
	for _, m := range strings.Split(strings.Join(lines, ","), ",") {
		if m = strings.Trim(m, " \t"); m == "" {
			continue
		}
		if !wire.IsToken([]byte(m)) {
			return nil, false
		}
		list = append(list, m)
	}
	return list, true
}

// staysAtOrigin reports whether a redirect of r's URL stays with its origin.
func (r *Request) staysAtOrigin(location string) bool {
	foreign := *r
	foreign.Same, foreign.Origin = false, "https://elsewhere.invalid"
	return foreign.RedirectOrigin(location) != "null"
}
