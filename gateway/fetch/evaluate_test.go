package fetch_test

import (
	"net/http"
	"testing"

	"github.com/corsgate/corsgate/gateway/fetch"
)

const page, target = "https://a.example", "https://b.example/"

func request(t *testing.T, q fetch.Question) *fetch.Request {
	t.Helper()
	q.Origin, q.URL = page, target
	r, err := fetch.NewRequest(q)
	if err != nil {
		t.Fatalf("NewRequest(%+v): %v", q, err)
	}
	return r
}

func TestPreflightReasons(t *testing.T) {
	f := func(method, header string, want int) {
		t.Helper()
		q := fetch.Question{Method: method}
		if header != "" {
			q.Headers = []string{header}
		}
		if r := request(t, q); len(r.Reasons) != want || r.NeedsPreflight() != (want > 0) {
			t.Errorf("%s with %q: reasons %q, want %d", method, header, r.Reasons, want)
		}
	}
	f("GET", "", 0)
	f("HEAD", "", 0)
	f("POST", "Content-Type: text/plain;charset=utf-8", 0)
	f("POST", "content-type: application/x-www-form-urlencoded", 0)
	f("POST", "Content-Type: application/json", 1)
	f("POST", "Content-Type: nonsense/", 1)
	f("GET", "Accept: application/json", 0)
	f("GET", "Authorization: x", 1)
	f("PUT", "", 1)
	f("patch", "X-A: 1", 2)
}

// Steps are compared by the last one's name and by how it went.
func TestCORSCheck(t *testing.T) {
	r := request(t, fetch.Question{})
	f := func(credentials bool, allowOrigin, allowCredentials, wantWhere string, want fetch.Outcome) {
		t.Helper()
		h := http.Header{}
		if allowOrigin != "" {
			h.Set("Access-Control-Allow-Origin", allowOrigin)
		}
		if allowCredentials != "" {
			h.Set("Access-Control-Allow-Credentials", allowCredentials)
		}
		v := r.Evaluate(credentials, nil, &fetch.Answer{Status: 200, Header: h})
		last := v.Steps[len(v.Steps)-1]
		if last.Where != "CORS check, step "+wantWhere || v.Outcome != want || last.OK != v.Outcome.Allowed() || !v.Sent {
			t.Errorf("credentials %t, %q, %q: %s, %+v, want step %s, %s", credentials, allowOrigin, allowCredentials, v.Outcome, last, wantWhere, want)
		}
	}
	f(false, "", "", "2", fetch.Denied)
	f(false, "*", "", "3", fetch.Allowed)
	f(true, "*", "true", "4", fetch.Denied)
	f(false, "https://b.example", "", "4", fetch.Denied)
	f(false, "https://A.example", "", "4", fetch.Denied)
	f(false, page, "", "5", fetch.Allowed)
	f(true, page, "", "8", fetch.Denied)
	f(true, page, "True", "8", fetch.Denied)
	f(true, page, "true", "7", fetch.Allowed)

	two := http.Header{"Access-Control-Allow-Origin": {page, page}}
	if v := r.Evaluate(false, nil, &fetch.Answer{Status: 200, Header: two}); v.Outcome != fetch.Denied {
		t.Errorf("two Access-Control-Allow-Origin lines: %s, want %s", v.Outcome, fetch.Denied)
	}
}

func TestPreflight(t *testing.T) {
	f := func(q fetch.Question, status int, methods, names, wantWhere string, want bool) {
		t.Helper()
		h := http.Header{"Access-Control-Allow-Origin": {page}, "Access-Control-Allow-Credentials": {"true"}}
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", names)
		v := request(t, q).Evaluate(q.Credentials, &fetch.Answer{Status: status, Header: h}, nil)
		last := v.Steps[len(v.Steps)-1]
		if last.Where != "CORS-preflight fetch, step "+wantWhere || last.OK != want || v.Sent != want {
			t.Errorf("%+v, %d, %q, %q: sent %t, %+v, want step %s, %t", q, status, methods, names, v.Sent, last, wantWhere, want)
		}
	}
	put := fetch.Question{Method: "PUT"}
	f(put, 204, "GET, PUT", "", "7.5", true)
	f(put, 299, "PUT", "", "7.5", true)
	f(put, 302, "PUT", "", "7", false)
	f(put, 403, "PUT", "", "7", false)
	f(put, 204, "put", "", "7.5", false)
	f(put, 204, "PU T", "", "7.3", false)
	f(put, 204, "*", "", "7.5", true)
	f(fetch.Question{Method: "PUT", Credentials: true}, 204, "*", "", "7.5", false)
	f(fetch.Question{Method: "POST"}, 204, "", "", "7.5", true)
	custom := fetch.Question{Method: "GET", Headers: []string{"X-A: 1", "X-B: 1"}}
	f(custom, 204, "", "x-b , X-a", "7.7", true)
	f(custom, 204, "", "x-a", "7.7", false)
	f(custom, 204, "", "*", "7.7", true)
	token := fetch.Question{Method: "GET", Headers: []string{"Authorization: x"}}
	f(token, 204, "", "*", "7.6", false)
	f(token, 204, "", "*, authorization", "7.6", true)

	v := request(t, put).Evaluate(false, &fetch.Answer{Status: 204}, &fetch.Answer{Status: 200})
	if v.Outcome != fetch.Denied || v.Sent || v.Steps[0].Where != "CORS check, step 2" {
		t.Errorf("a preflight without Access-Control-Allow-Origin: %+v", v)
	}
}

// Of what is not for CORS to decide, the effect counts.
func TestWithoutCORS(t *testing.T) {
	f := func(q fetch.Question, a fetch.Answer, want fetch.Outcome) {
		t.Helper()
		r, err := fetch.NewRequest(q)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Evaluate(false, nil, &a); v.Outcome != want {
			t.Errorf("%+v, answer %+v: %+v, want %s", q, a, v, want)
		}
	}
	socket := fetch.Question{Origin: page, URL: "wss://b.example/"}
	f(socket, fetch.Answer{Status: 101}, fetch.Allowed)
	f(socket, fetch.Answer{Status: 404}, fetch.Denied)
	f(socket, fetch.Answer{}, fetch.Upstream)
	f(socket, fetch.Answer{Guarded: true}, fetch.Allowed)
	f(socket, fetch.Answer{Status: 403, Guarded: true, Refused: "origin-not-allowed"}, fetch.Denied)
	image := fetch.Question{Origin: page, URL: target, Mode: fetch.ModeNoCORS}
	f(image, fetch.Answer{Status: 200}, fetch.Opaque)
	f(image, fetch.Answer{Status: 200, Header: http.Header{"Cross-Origin-Resource-Policy": {"same-origin"}}}, fetch.Denied)
	f(fetch.Question{Origin: page, URL: "http://b.example/"}, fetch.Answer{Status: 200}, fetch.Denied)
	f(fetch.Question{Origin: page, URL: "http://b.example/", Mode: fetch.ModeNavigate}, fetch.Answer{Status: 200}, fetch.Opaque)
	f(fetch.Question{Origin: page, URL: page + "/x"}, fetch.Answer{Status: 500}, fetch.SameOrigin)
	f(fetch.Question{Origin: page, URL: target}, fetch.Answer{Open: true}, fetch.Upstream)
}
