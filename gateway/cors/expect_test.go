package cors_test

import (
	"strings"
	"testing"
)

// This file compares a response with what a vector expects of it.

// parse splits complete field lines; a line that is not "Name: value" comes back with an empty name.
func parse(fields []byte) (lines [][2]string) {
	rest := string(fields)
	for rest != "" {
		var l string
		l, rest, _ = strings.Cut(rest, "\r\n")
		name, value, _ := strings.Cut(l, ": ")
		lines = append(lines, [2]string{name, value})
	}
	return lines
}

func (r response) values(name string) (values []string) {
	for _, h := range r.Headers {
		if strings.EqualFold(h[0], name) {
			values = append(values, h[1])
		}
	}
	return values
}

func (r response) tokens(name string) (tokens []string) {
	for _, v := range r.values(name) {
		for _, token := range strings.Split(v, ",") {
			tokens = append(tokens, strings.TrimSpace(token))
		}
	}
	return tokens
}

// guarded reports whether c is about a WebSocket or a cross-site request: refusing it is the gateway's, by AllowedOrigin.
func guarded(c vector) bool { return c.Policy.CSRF != "" || len(c.Request.values("Upgrade")) > 0 }

func check(t *testing.T, c vector, got response, forwarded bool) {
	t.Helper()
	e := c.Expect
	guarded := guarded(c)
	if e.Status != nil && got.Status != *e.Status && !guarded {
		t.Errorf("status = %d, want %d", got.Status, *e.Status)
	}
	if e.Forwarded != nil && forwarded != *e.Forwarded && !guarded {
		t.Errorf("forwarded = %t", forwarded)
	}
	for name, want := range e.Headers {
		if name == "Content-Length" {
			continue // the gateway's
		}
		if !holds(got, name, want) {
			t.Errorf("%s: %q, want %v", name, got.values(name), want)
		}
	}
	for _, name := range e.Absent {
		if v := got.values(name); v != nil {
			t.Errorf("%s: %q, want none", name, v)
		}
	}
	vary := got.tokens("Vary")
	for _, token := range e.Includes {
		if !guarded && !has(vary, token, true) && !has(vary, "*", true) {
			t.Errorf("Vary %q lacks %s", vary, token)
		}
	}
	for _, token := range e.Excludes {
		if has(vary, token, true) {
			t.Errorf("Vary %q holds %s", vary, token)
		}
	}
	for name, tokens := range e.Lacks {
		for _, token := range tokens {
			if has(got.tokens(name), token, true) {
				t.Errorf("%s holds %s", name, token)
			}
		}
	}
	for name, most := range e.MaxCount {
		name, token, single := strings.Cut(name, ":")
		n := len(got.values(name))
		if single {
			n = strings.Count(strings.ToLower(strings.Join(got.tokens(name), " ")), strings.ToLower(token))
		}
		if n > most {
			t.Errorf("%s %s: %d times, want at most %d", name, token, n, most)
		}
	}
}

func holds(got response, name string, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		for _, w := range want["any_of"].([]any) {
			if holds(got, name, w) {
				return true
			}
		}
		return false
	case []any:
		for _, token := range want {
			if !has(got.tokens(name), token.(string), name != "Access-Control-Allow-Methods") {
				return false
			}
		}
		return true
	}
	values := got.values(name)
	return len(values) == 1 && values[0] == want
}

func has(tokens []string, token string, fold bool) bool {
	for _, t := range tokens {
		if t == token || fold && strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}
