package demo

import (
	"net/http"
	"slices"
	"testing"
)

func TestPreflightReasons(t *testing.T) {
	f := func(method, name, value string, want int) {
		t.Helper()
		c := Call{Method: method}
		if name != "" {
			c.Headers = []Header{{name, value}}
		}
		if got := preflightReasons(c); len(got) != want {
			t.Errorf("%s with %s: %s: %q, want %d reasons", method, name, value, got, want)
		}
	}
	f("GET", "", "", 0)
	f("HEAD", "", "", 0)
	f("POST", "Content-Type", "text/plain;charset=utf-8", 0)
	f("POST", "content-type", "application/x-www-form-urlencoded", 0)
	f("POST", "Content-Type", "application/json", 1)
	f("POST", "Content-Type", "nonsense/", 1)
	f("GET", "Accept", "application/json", 0)
	f("GET", "Authorization", "x", 1)
	f("PUT", "", "", 1)
	f("patch", "X-A", "1", 2)
}

// Steps are compared by the last one's name and by how it went.
func TestCORSCheck(t *testing.T) {
	const origin = "https://a.example"
	f := func(credentials bool, allowOrigin, allowCredentials, wantWhere string, want bool) {
		t.Helper()
		h := http.Header{}
		if allowOrigin != "" {
			h.Set("Access-Control-Allow-Origin", allowOrigin)
		}
		if allowCredentials != "" {
			h.Set("Access-Control-Allow-Credentials", allowCredentials)
		}
		steps := corsCheck(origin, Call{Credentials: credentials}, h)
		if where := steps[len(steps)-1].Where; where != "CORS check, step "+wantWhere || passed(steps) != want {
			t.Errorf("credentials %t, %q, %q: %s, %t, want step %s, %t", credentials, allowOrigin, allowCredentials, where, passed(steps), wantWhere, want)
		}
	}
	f(false, "", "", "2", false)
	f(false, "*", "", "3", true)
	f(true, "*", "true", "4", false)
	f(false, "https://b.example", "", "4", false)
	f(false, "https://A.example", "", "4", false)
	f(false, origin, "", "5", true)
	f(true, origin, "", "8", false)
	f(true, origin, "True", "8", false)
	f(true, origin, "true", "7", true)

	two := http.Header{"Access-Control-Allow-Origin": {origin, origin}}
	if passed(corsCheck(origin, Call{}, two)) {
		t.Error("two Access-Control-Allow-Origin lines pass")
	}
}

func TestPreflightCheck(t *testing.T) {
	const origin = "https://a.example"
	f := func(c Call, status int, methods, names, wantWhere string, want bool) {
		t.Helper()
		h := http.Header{"Access-Control-Allow-Origin": {origin}, "Access-Control-Allow-Credentials": {"true"}}
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", names)
		steps := preflightCheck(origin, c, status, h)
		if where := steps[len(steps)-1].Where; where != "CORS-preflight fetch, step "+wantWhere || passed(steps) != want {
			t.Errorf("%+v, %d, %q, %q: %s, %t, want step %s, %t", c, status, methods, names, where, passed(steps), wantWhere, want)
		}
	}
	put := Call{Method: "PUT"}
	f(put, 204, "GET, PUT", "", "7.5", true)
	f(put, 299, "PUT", "", "7.5", true)
	f(put, 302, "PUT", "", "7", false)
	f(put, 403, "PUT", "", "7", false)
	f(put, 204, "put", "", "7.5", false)
	f(put, 204, "*", "", "7.5", true)
	f(Call{Method: "PUT", Credentials: true}, 204, "*", "", "7.5", false)
	f(Call{Method: "POST"}, 204, "", "", "7.5", true)
	custom := Call{Method: "GET", Headers: []Header{{"X-A", "1"}, {"X-B", "1"}}}
	f(custom, 204, "", "x-b , X-a", "7.7", true)
	f(custom, 204, "", "x-a", "7.7", false)
	f(custom, 204, "", "*", "7.7", true)
	token := Call{Method: "GET", Headers: []Header{{"Authorization", "x"}}}
	f(token, 204, "", "*", "7.6", false)
	f(token, 204, "", "*, authorization", "7.6", true)

	if steps := preflightCheck(origin, put, 204, http.Header{}); passed(steps) || steps[0].Where != "CORS check, step 2" {
		t.Errorf("a preflight without Access-Control-Allow-Origin: %v", steps)
	}
}

func TestReasonOf(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := reasonOf(text); got != want {
			t.Errorf("reasonOf(%q) = %q, want %q", text, got, want)
		}
	}
	f("CORS preflight refused: method-not-allowed\n", "method-not-allowed")
	f("Pages of this origin may not use this resource (origin-not-allowed).", "origin-not-allowed")
	f("No route is configured for this path.", "")
	f("", "")
}

func TestCallIDs(t *testing.T) {
	var seen []string
	for _, c := range calls() {
		if slices.Contains(seen, c.ID) {
			t.Errorf("two calls are named %q", c.ID)
		}
		seen = append(seen, c.ID)
	}
}
