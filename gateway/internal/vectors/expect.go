// Package vectors reads the vectors of gateway/cors/testdata, for the tests of several packages.
package vectors

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// An Expect is what a case of cors.json wants of the response.
type Expect struct {
	Kind      string
	Status    *int
	Headers   map[string]any // a value; a list: members among others; {"any_of": …}
	Absent    []string
	Includes  []string            `json:"vary_includes"`
	Excludes  []string            `json:"vary_excludes"`
	Lacks     map[string][]string `json:"not_contains"`
	MaxCount  map[string]int      `json:"max_count"` // of lines, or of "Field:member"
	Forwarded *bool
}

// Check fails t, with a message that begins with variant, if res is not as e wants, or if the request was forwarded to
// an upstream, or a handler, and should not have been, or the other way round.
func (e *Expect) Check(t *testing.T, variant string, res *http.Response, forwarded bool) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf(variant+": "+format, args...)
	}
	if e.Status != nil && res.StatusCode != *e.Status {
		fail("status %d, want %d", res.StatusCode, *e.Status)
	}
	if e.Forwarded != nil && forwarded != *e.Forwarded {
		fail("forwarded: %t, want %t", forwarded, *e.Forwarded)
	}
	for name, want := range e.Headers {
		if !holds(res.Header, name, want) {
			fail("%s: %q, want %v", name, res.Header.Values(name), want)
		}
	}
	for _, name := range e.Absent {
		if v := res.Header.Values(name); len(v) > 0 {
			fail("%s: %q, want none", name, v)
		}
	}
	for _, member := range e.Includes {
		if !hasMember(res.Header, "Vary", member) && !hasMember(res.Header, "Vary", "*") {
			fail("Vary %q lacks %s", members(res.Header, "Vary"), member)
		}
	}
	for _, member := range e.Excludes {
		if hasMember(res.Header, "Vary", member) {
			fail("Vary holds %s", member)
		}
	}
	for name, lacks := range e.Lacks {
		for _, member := range lacks {
			if hasMember(res.Header, name, member) {
				fail("%s holds %s", name, member)
			}
		}
	}
	for name, most := range e.MaxCount {
		name, member, single := strings.Cut(name, ":")
		n := len(res.Header.Values(name))
		if single {
			n = 0
			for _, m := range members(res.Header, name) {
				if strings.EqualFold(m, member) {
					n++
				}
			}
		}
		if n > most {
			fail("%s %s: %d times, want at most %d", name, member, n, most)
		}
	}
}

func holds(h http.Header, name string, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		return slices.ContainsFunc(want["any_of"].([]any), func(w any) bool { return holds(h, name, w) })
	case []any:
		return !slices.ContainsFunc(want, func(m any) bool {
			if name == "Access-Control-Allow-Methods" {
				return !slices.Contains(members(h, name), m.(string))
			}
			return !hasMember(h, name, m.(string))
		})
	}
	return slices.Equal(h.Values(name), []string{want.(string)})
}

func members(h http.Header, name string) (list []string) {
	for _, line := range h.Values(name) {
		for member := range strings.SplitSeq(line, ",") {
			if member = strings.TrimSpace(member); member != "" {
				list = append(list, member)
			}
		}
	}
	return list
}

// hasMember compares in any case.
func hasMember(h http.Header, name, member string) bool {
	return slices.ContainsFunc(members(h, name), func(m string) bool { return strings.EqualFold(m, member) })
}
