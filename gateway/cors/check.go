package cors

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A checker collects the problems of one Config. Its methods return the entries that they
// checked, normalized and without redundant ones; the result is only meaningful if nothing
// failed. All problems are found in one run: an operator with five mistakes should not need
// five reloads.
type checker struct {
	cfg      *Config
	problems []Problem
	failed   bool   // a problem is more than a warning
	needed   danger // the dangers that some origin is
	tally    tally
}

// maxFileProblems is how many lines of a file of origins are reported, and how many warnings
// about them: the rest is a number. A file of a million lines in the wrong format would
// otherwise fill the log.
const maxFileProblems = 20

// tally counts the problems of single lines of a file of origins.
type tally struct{ failures, warnings int }

func (c *checker) add(p Problem) {
	c.failed = c.failed || !p.Warning
	if p.Key == keyOriginsFile && p.Index >= 0 {
		n := &c.tally.failures
		if p.Warning {
			n = &c.tally.warnings
		}
		if *n++; *n > maxFileProblems {
			return
		}
	}
	c.problems = append(c.problems, p)
}

func (c *checker) fail(key string, index int, hint, format string, args ...any) {
	c.add(Problem{Key: key, Index: index, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) warn(key string, index int, hint, format string, args ...any) {
	c.add(Problem{Key: key, Index: index, Message: fmt.Sprintf(format, args...), Hint: hint, Warning: true})
}

// merge adds what another checker of the same Config found after this one. The other may have
// dropped problems beyond the bound: its tally counts those too.
func (c *checker) merge(other *checker) {
	c.failed = c.failed || other.failed
	c.needed |= other.needed
	before := c.tally
	for _, p := range other.problems {
		c.add(p)
	}
	c.tally = tally{before.failures + other.tally.failures, before.warnings + other.tally.warnings}
}

// methods checks the names of methods and normalizes them, as a browser does before it asks.
// The errors are entries that can never have an effect or that no HTTP message can carry; the
// warnings are entries that a reader could misunderstand.
func (c *checker) methods() []string {
	const key = "methods"
	var methods, safelisted []string
	firstSafelisted := 0
	star := contains(c.cfg.Methods, "*")
	seen := map[string]bool{}
	for i, written := range c.cfg.Methods {
		m := normalizeMethod(written)
		switch {
		case !isToken(m):
			c.fail(key, i, oneEach(written, `write a method such as "PUT"`), "%q is not a method name", written)
			continue
		case len(m) > maxMethod:
			c.fail(key, i, "", "method of %d bytes: at most %d are supported", len(m), maxMethod)
			continue
		// new Request() throws a TypeError for it (Fetch, "forbidden method"), so the entry
		// would have no effect.
		case isForbiddenMethod(m):
			c.fail(key, i, "remove it", "%s is a forbidden method: no browser sends it", m)
			continue
		case seen[m]:
			c.warn(key, i, "remove it", "%s is listed twice", m)
			continue
		}
		seen[m] = true
		methods = append(methods, m)
		switch upper := strings.ToUpper(m); {
		case star && m != "*":
			c.warn(key, i, "remove it", `%s is redundant beside "*"`, m)
		// Harmless, and common: most lists of other gateways need GET and POST in them.
		case isSafelistedMethod(m):
			if len(safelisted) == 0 {
				firstSafelisted = i
			}
			safelisted = append(safelisted, m)
		// Fetch normalizes six methods only. "Patch" in a configuration then refuses every
		// PATCH, the most common mistake with this list.
		case upper != m:
			c.warn(key, i, "write "+upper+" if that is meant", "%q matches this exact spelling only: browsers do not normalize it", m)
		}
	}
	if len(safelisted) > 0 {
		// One warning for all: they do no harm, and many like to read them.
		c.warn(key, firstSafelisted, "remove them, or leave them for readers",
			"not needed: %s; browsers may always send GET, HEAD and POST", strings.Join(safelisted, ", "))
	}
	return methods
}

// requestHeaders checks the names that pages may set. An entry that browsers never ask for is
// an error: its author believes that it has an effect.
func (c *checker) requestHeaders() []string {
	const key = "request_headers"
	var names []string
	star := contains(c.cfg.RequestHeaders, "*")
	seen := map[string]bool{}
	for i, name := range c.cfg.RequestHeaders {
		if !c.headerName(key, i, name, seen) {
			continue
		}
		switch {
		case isForbiddenRequestHeader(name):
			c.fail(key, i, "remove it: browsers send it on their own, or not at all",
				"%s is a forbidden request-header: no page can set it", name)
			continue
		// Access-Control-Allow-Headers as a request header is the mistake of a person who
		// debugs CORS from the client's side: it makes the request need a preflight, and then
		// fail it.
		case OwnedField([]byte(name)):
			c.fail(key, i, "remove it: the gateway sets the CORS fields of responses itself",
				"%s is a response header; this list is for request headers that a page may set", name)
			continue
		case star && name != "*" && (c.cfg.Credentials || !equalFold(name, "Authorization")):
			c.warn(key, i, "remove it", `%s is redundant beside "*"`, name)
		// Fetch, "CORS non-wildcard request-header name", which is Authorization alone.
		case name == "*" && !c.cfg.Credentials && !containsFold(c.cfg.RequestHeaders, "Authorization"):
			c.warn(key, i, `add "Authorization" beside it, unless no page sends one`,
				`"*" does not cover Authorization: pages that send a token are refused`)
		}
		names = append(names, name)
	}
	return names
}

// exposeHeaders checks the names that pages may read.
func (c *checker) exposeHeaders() []string {
	const key = "expose_headers"
	var names []string
	star := contains(c.cfg.ExposeHeaders, "*")
	seen := map[string]bool{}
	for i, name := range c.cfg.ExposeHeaders {
		if !c.headerName(key, i, name, seen) {
			continue
		}
		switch {
		// In main fetch "*" is a wildcard only if the request's credentials mode is not "include".
		case name == "*" && c.cfg.Credentials:
			c.fail(key, i, "list the names",
				`"*" with credentials: browsers take it for the name of a header, and it exposes nothing`)
			continue
		case isForbiddenResponseHeader(name):
			c.fail(key, i, "remove it", "%s is a forbidden response-header: no page can read it", name)
			continue
		case isCORSRequestHeader(name):
			c.fail(key, i, "remove it", "%s is a request header; this list is for response headers that a page may read", name)
			continue
		case isPreflightHeader(name):
			c.fail(key, i, "remove it", "%s is only in answers to preflights, which pages do not see", name)
			continue
		case OwnedField([]byte(name)):
			c.warn(key, i, "remove it", "%s is for the browser: a page that could read it has passed its check", name)
		case star && name != "*":
			c.warn(key, i, "remove it", `%s is redundant beside "*"`, name)
		case isSafelistedResponseHeader(name):
			c.warn(key, i, "remove it", "%s is redundant: pages may always read it", name)
		}
		names = append(names, name)
	}
	return names
}

// oneEach returns the hint for an element that is not a name: its parts as separate elements, if it
// is a list.
func oneEach(element, otherwise string) string {
	names := strings.FieldsFunc(element, func(r rune) bool { return r == ',' || r == ' ' })
	if len(names) < 2 {
		return otherwise
	}
	for i, n := range names {
		names[i] = strconv.Quote(n)
	}
	return "write each as a separate element: " + strings.Join(names, ", ")
}

// headerName checks what all header names have in common and records name in seen; false means
// leave it out.
func (c *checker) headerName(key string, i int, name string, seen map[string]bool) bool {
	folded := strings.ToLower(name)
	switch {
	case !isToken(name):
		c.fail(key, i, oneEach(name, `write a name such as "X-Request-Id"`), "%q is not a header name", name)
		return false
	case len(name) > maxHeaderName:
		c.fail(key, i, "", "header name of %d bytes: at most %d are supported", len(name), maxHeaderName)
		return false
	case seen[folded]:
		c.warn(key, i, "remove it", "%s is listed twice; names are case-insensitive", name)
		return false
	}
	seen[folded] = true
	return true
}

// Browsers cut Access-Control-Max-Age to their own limit: Firefox to a day, Chromium to two
// hours, WebKit to ten minutes.
const (
	maxMaxAge   = 24 * time.Hour
	chromiumAge = 2 * time.Hour
)

// scalars checks the keys that are not lists.
func (c *checker) scalars() {
	if age := c.cfg.MaxAge; age != nil {
		switch {
		case *age < 0:
			c.fail("max_age", -1, `write "0s" for no caching`, "%v is negative", *age)
		// Fetch lets a browser impose a limit (CORS-preflight fetch, step 7.10). A larger value
		// would be a promise that no browser keeps.
		case *age > maxMaxAge:
			c.fail("max_age", -1, `write "24h"`, "%v is more than 24h, which no browser honours", *age)
		case *age%time.Second != 0:
			c.fail("max_age", -1, "", "%v is not a whole number of seconds", *age)
		case *age > chromiumAge:
			c.warn("max_age", -1, "", "%v is cut to 2h by Chromium and to 10m by WebKit", *age)
		}
	}
	switch s := c.cfg.PreflightStatus; {
	case s == 0 || s == 200 || s == 204:
	// CORS-preflight fetch, step 7, requires an ok status.
	case s < 200 || s > 299:
		c.fail("preflight_status", -1, "write 204, or 200 for old clients",
			"%d is not an ok status, which are 200 to 299: browsers would refuse every preflight", s)
	default:
		c.warn("preflight_status", -1, "write 204 or 200", "%d is an unusual status for a preflight", s)
	}
	c.choice("upstream_cors", c.cfg.UpstreamCORS, "override", "merge_expose", "passthrough")
	c.choice("resource_policy", c.cfg.ResourcePolicy, "same-origin", "same-site", "cross-origin")
}

// choice checks one of a closed set of values, or none.
func (c *checker) choice(key, value string, values ...string) {
	if value != "" && !contains(values, value) {
		c.fail(key, -1, `write one of "`+strings.Join(values, `", "`)+`"`, "%q is unknown", value)
	}
}

// containsFold reports whether list contains s, in any case.
func containsFold(list []string, s string) bool {
	for _, e := range list {
		if equalFold(e, s) {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
