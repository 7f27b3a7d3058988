package demo

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// This file judges responses as a browser does, by the Fetch standard, for the calls of the demo.
// The rules are:
//
//   - the page shows the browser's own verdict and, beside it, this one. They must agree: the
//     demo's test with a real browser holds that;
//   - each step bears the name and number that it has in the standard;
//   - header values that only odd requests have (over 128 bytes, Range, …) are left out.

// A Step is one step of the standard, and how it went.
type Step struct {
	Where  string `json:"where"`
	Passed bool   `json:"passed"`
	Text   string `json:"text"`
}

// preflightReasons returns why a call needs a CORS-preflight request; none: it does not. The slice
// is never nil.
// See Fetch, "HTTP fetch", step 3.
func preflightReasons(c Call) []string {
	reasons := []string{}
	if !safelistedMethod(c.Method) {
		reasons = append(reasons, fmt.Sprintf("the method %s is not CORS-safelisted", c.Method))
	}
	for _, h := range c.Headers {
		switch {
		case safelisted(h):
		case strings.EqualFold(h.Name, "Content-Type"):
			reasons = append(reasons, fmt.Sprintf("Content-Type: %s is not CORS-safelisted (forms and plain text are)", h.Value))
		default:
			reasons = append(reasons, fmt.Sprintf("the request header %s is not CORS-safelisted", h.Name))
		}
	}
	return reasons
}

func safelistedMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "POST"
}

// safelisted reports whether h is a CORS-safelisted request-header.
func safelisted(h Header) bool {
	switch strings.ToLower(h.Name) {
	case "accept", "accept-language", "content-language":
		return true
	case "content-type":
		essence, _, err := mime.ParseMediaType(h.Value)
		return err == nil && slices.Contains([]string{"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}, essence)
	}
	return false
}

// unsafeNames returns the CORS-unsafe request-header names of a call: lower case, sorted.
func unsafeNames(c Call) []string {
	var names []string
	for _, h := range c.Headers {
		if !safelisted(h) {
			names = append(names, strings.ToLower(h.Name))
		}
	}
	slices.Sort(names)
	return names
}

// corsCheck is the CORS check. Its last step tells what came of it. See Fetch, "CORS check".
func corsCheck(origin string, c Call, h http.Header) []Step {
	step := func(n int, passed bool, text string) Step {
		return Step{Where: fmt.Sprintf("CORS check, step %d", n), Passed: passed, Text: text}
	}
	allowed, ok := get(h, "Access-Control-Allow-Origin")
	switch {
	case !ok:
		return []Step{step(2, false, "the response has no Access-Control-Allow-Origin")}
	case !c.Credentials && allowed == "*":
		return []Step{step(3, true, "Access-Control-Allow-Origin is *, and the request carries no credentials")}
	case allowed != origin:
		return []Step{step(4, false, fmt.Sprintf("Access-Control-Allow-Origin is %s, which is not the origin of this page", allowed))}
	}
	steps := []Step{step(4, true, "Access-Control-Allow-Origin is the origin of this page")}
	if !c.Credentials {
		return append(steps, step(5, true, "the request carries no credentials, so that is enough"))
	}
	if v, _ := get(h, "Access-Control-Allow-Credentials"); v != "true" {
		return append(steps, step(8, false, "the request's credentials mode is include, and the response has no Access-Control-Allow-Credentials: true"))
	}
	return append(steps, step(7, true, "the request carries credentials, and Access-Control-Allow-Credentials is true"))
}

// preflightCheck judges the response to a preflight. See Fetch, "CORS-preflight fetch", step 7.
func preflightCheck(origin string, c Call, status int, h http.Header) []Step {
	step := func(n string, passed bool, text string) Step {
		return Step{Where: "CORS-preflight fetch, step " + n, Passed: passed, Text: text}
	}
	steps := corsCheck(origin, c, h)
	if !passed(steps) {
		return steps
	}
	if status < 200 || status > 299 {
		return append(steps, step("7", false, fmt.Sprintf("%d is not an ok status", status)))
	}
	methods, names := members(h, "Access-Control-Allow-Methods"), members(h, "Access-Control-Allow-Headers")
	star := func(list []string) bool { return !c.Credentials && slices.Contains(list, "*") }
	switch {
	case safelistedMethod(c.Method):
		steps = append(steps, step("7.5", true, c.Method+" is CORS-safelisted"))
	case slices.Contains(methods, c.Method) || star(methods):
		steps = append(steps, step("7.5", true, "Access-Control-Allow-Methods has "+c.Method))
	default:
		return append(steps, step("7.5", false, "Access-Control-Allow-Methods does not have "+c.Method))
	}
	for _, name := range unsafeNames(c) {
		n, listed := "7.7", slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, name) })
		if name == "authorization" {
			n = "7.6" // no star covers it
		}
		if !listed && (n == "7.6" || !star(names)) {
			return append(steps, step(n, false, "Access-Control-Allow-Headers does not have "+name))
		}
		steps = append(steps, step(n, true, "Access-Control-Allow-Headers has "+name))
	}
	return steps
}

// passed reports whether steps end well.
func passed(steps []Step) bool { return len(steps) > 0 && steps[len(steps)-1].Passed }

// get is Fetch's "get" of a header list: all values, joined. It reports false if there is none.
func get(h http.Header, name string) (string, bool) {
	values := h.Values(name)
	return strings.Join(values, ", "), len(values) > 0
}

// members returns the elements of a list field.
func members(h http.Header, name string) []string {
	var list []string
	value, _ := get(h, name)
	for _, m := range strings.Split(value, ",") {
		if m = strings.TrimSpace(m); m != "" {
			list = append(list, m)
		}
	}
	return list
}
