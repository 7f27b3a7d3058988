package admin_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/google/go-cmp/cmp"
)

// answer is what the gateway of a test says.
type answer struct {
	Said string `json:"said"`
}

func (a answer) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, "in words: "+a.Said+"\n")
	return err
}

func TestExplain(t *testing.T) {
	var asked fetch.Question
	fixture := &fixture{explain: func(q fetch.Question) (any, error) {
		asked = q
		if q.Method == "TRACE" {
			return nil, errors.New("method TRACE: write another")
		}
		return answer{"<yes>"}, nil
	}}
	f := func(query string, status int, body string, want fetch.Question) {
		t.Helper()
		asked = fetch.Question{}
		w := ask(fixture.handler(), "GET", "/explain"+query)
		if w.Code != status || !strings.Contains(w.Body.String(), body) {
			t.Errorf("%s: %d %q, want %d with %q", query, w.Code, w.Body, status, body)
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	q := fetch.Question{Origin: "https://a.example", URL: "https://b.example/?x=y"}
	const minimal = "?origin=https://a.example&url=https%3a%2f%2fb.example/%3fx=y"
	f(minimal, 200, `"said": "<yes>"`, q)
	f(minimal+"&format=json", 200, `"said": "<yes>"`, q)
	f(minimal+"&format=text", 200, "in words: <yes>\n", q)
	q.Method, q.Headers, q.Credentials, q.Mode = "PUT", []string{"X-A", "X-B: c"}, true, "same-origin"
	f(minimal+"&method=PUT&header=X-A&header=X-B:+c&credentials=true&mode=same-origin", 200, "<yes>", q)
	q = fetch.Question{Origin: "https://a.example", URL: "https://b.example/?x=y", Method: "TRACE"}
	f(minimal+"&method=TRACE", 400, "method TRACE: write another", q)
	none := fetch.Question{}
	f("", 400, "is missing", none)
	f("?origin=https://a.example", 400, "url is missing", none)
	f(minimal+"&headers=X-A", 400, `unknown parameter "headers"`, none)
	f(minimal+"&method=PUT&method=GET", 400, "method is given twice", none)
	f(minimal+"&credentials=yes", 400, `write true or false`, none)
	f(minimal+"&format=xml", 400, `write json or text`, none)
	f("?origin=%zz", 400, "malformed", none)
	if w := ask(fixture.handler(), "POST", "/explain"+minimal); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	if w := ask(fixture.handler(), "GET", "/explain"+minimal, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"); w.Code != http.StatusForbidden {
		t.Errorf("a foreign page: %d", w.Code)
	}
}
