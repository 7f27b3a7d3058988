package probe

import (
	"net/http"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/fetch"
)

// This file reads answers as a browser does. See Fetch, "CORS check" and "CORS-preflight fetch".

// get returns all values of a field, joined.
func (a *answer) get(name string) string { return strings.Join(a.header.Values(name), ", ") }

// origin returns the first value of Origin in the question, or "".
func (a *answer) origin() string {
	if len(a.origins) == 0 {
		return ""
	}
	return a.origins[0]
}

// echoes reports whether the answer names the question's origin.
func (a *answer) echoes() bool {
	return a.err == nil && a.origin() != "" && a.get("Access-Control-Allow-Origin") == a.origin()
}

// shares reports whether a page of the question's origin can read the answer, without credentials.
func (a *answer) shares() bool {
	return a.err == nil && (a.get("Access-Control-Allow-Origin") == "*" || a.echoes())
}

// credentials reports whether the answer is for requests with credentials, too.
func (a *answer) credentials() bool { return a.get("Access-Control-Allow-Credentials") == "true" }

// permits reports whether a browser continues after this preflight, without credentials.
func (a *answer) permits() bool {
	if a.err != nil {
		return false
	}
	r := fetch.Request{Origin: a.origin(), Method: a.preflight, Mode: fetch.ModeCORS, HTTPS: true}
	for name := range strings.SplitSeq(strings.Join(a.headers, ","), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			r.Unsafe = append(r.Unsafe, name)
		}
	}
	return r.Evaluate(false, &fetch.Answer{Status: a.code, Header: a.header}, nil).Sent
}

// varies reports whether caches keep the answer apart from those to other origins.
func (a *answer) varies() bool {
	list := members(a.header, "Vary")
	return slices.ContainsFunc(list, func(m string) bool { return m == "*" || strings.EqualFold(m, "Origin") })
}

// cacheable reports whether a shared cache or a browser may keep the answer.
func (a *answer) cacheable() bool {
	return !slices.ContainsFunc(members(a.header, "Cache-Control"), func(m string) bool { return strings.EqualFold(m, "no-store") })
}

// members returns the members of a list field.
func members(h http.Header, name string) (list []string) {
	for m := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
		if m = strings.TrimSpace(m); m != "" {
			list = append(list, m)
		}
	}
	return list
}
