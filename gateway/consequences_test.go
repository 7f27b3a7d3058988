package gateway_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// before is a configuration whose changes TestConsequences looks at.
const before = `[cors.app]
origins = ["https://app.example", "https://*.preview.example"]
methods = ["PUT"]
request_headers = ["X-A"]
[route.api]
path = "/api"
cors = "app"
respond = {}
[route.other]
path = "/other"
respond = {}
`

func TestConsequences(t *testing.T) {
	seen := []fetch.Question{
		{Origin: "https://evil.example", Method: "GET", URL: "https://api.example.com/api/1", Mode: "cors"},
		{Origin: "https://pr-7.preview.example", Method: "PUT", URL: "https://api.example.com/api/2", Headers: []string{"x-a"}, Mode: "cors"},
		{Origin: `"<b>"`, Method: "GET", URL: "https://api.example.com/api", Mode: "cors"}, // no browser asks that
	}
	f := func(what, old, new string, want ...string) {
		t.Helper()
		list, asked, err := explain.Consequences(parse(t, before), parse(t, strings.Replace(before, old, new, 1)), seen)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range list {
			mark := " "
			if c.Seen {
				mark = "*"
			}
			v := func(v explain.Summary) string {
				return fmt.Sprint(v.Route, " ", v.Anonymous, "/", v.Credentialed, " ", v.Reason, " ", v.Status)
			}
			got = append(got, fmt.Sprintf("%s %s %s %s %v: %s → %s", mark, c.Question.Origin, c.Question.Method, strings.TrimPrefix(c.Question.URL, "https://"), c.Question.Headers, v(c.Before), v(c.After)))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
		if asked < 10 || asked > 100 {
			t.Errorf("%s: %d questions", what, asked)
		}
	}
	f("nothing", "", "")
	f("a comment", "[cors.app]", "# new\n[cors.app]")
	f("an origin goes", `"https://app.example", `, "",
		"  https://app.example GET any.example/api []: api allowed/denied allowed 200 → api denied/denied origin-not-allowed 200",
		"  https://app.example PUT any.example/api []: api allowed/denied allowed 200 → api denied/denied origin-not-allowed 200",
		"  https://app.example GET any.example/api [x-a]: api allowed/denied allowed 200 → api denied/denied origin-not-allowed 200")
	f("a method goes", `methods = ["PUT"]`, "",
		"* https://pr-7.preview.example PUT api.example.com/api/2 [x-a]: api allowed/denied allowed 200 → api denied/denied method-not-allowed 200",
		"  https://pr-7.preview.example PUT any.example/api []: api allowed/denied allowed 200 → api denied/denied method-not-allowed 200",
		"  https://app.example PUT any.example/api []: api allowed/denied allowed 200 → api denied/denied method-not-allowed 200",
		"  https://any.preview.example PUT any.example/api []: api allowed/denied allowed 200 → api denied/denied method-not-allowed 200")
	f("a header comes", `"X-A"]`, `"X-A", "X-B"]`,
		"  https://pr-7.preview.example GET any.example/api [x-b]: api denied/denied header-not-allowed 200 → api allowed/denied allowed 200",
		"  https://app.example GET any.example/api [x-b]: api denied/denied header-not-allowed 200 → api allowed/denied allowed 200",
		"  https://any.preview.example GET any.example/api [x-b]: api denied/denied header-not-allowed 200 → api allowed/denied allowed 200")
	f("what was refused is allowed", `"https://app.example", `, `"https://app.example", "https://evil.example:*", "https://evil.example", `,
		"* https://evil.example GET api.example.com/api/1 []: api denied/denied origin-not-allowed 200 → api allowed/denied allowed 200",
		"  https://evil.example GET any.example/api []: api denied/denied origin-not-allowed 200 → api allowed/denied allowed 200",
		"  https://evil.example PUT any.example/api []: api denied/denied origin-not-allowed 200 → api allowed/denied allowed 200",
		"  https://evil.example GET any.example/api [x-a]: api denied/denied origin-not-allowed 200 → api allowed/denied allowed 200",
		"  https://evil.example:8443 GET any.example/api []: api denied/denied origin-not-allowed 200 → api allowed/denied allowed 200",
		"  https://evil.example:8443 PUT any.example/api []: api denied/denied origin-not-allowed 200 → api allowed/denied allowed 200",
		"  https://evil.example:8443 GET any.example/api [x-a]: api denied/denied origin-not-allowed 200 → api allowed/denied allowed 200")
	f("a route goes", "[route.other]\npath = \"/other\"\nrespond = {}\n", "",
		"  https://evil.example GET any.example/other []: other denied/denied  200 →  denied/denied  404",
		"  https://pr-7.preview.example GET any.example/other []: other denied/denied  200 →  allowed/denied  404")
}

// Of many origins on many routes there are as many questions as there may be, and not more.
func TestConsequencesAreBounded(t *testing.T) {
	var origins []string
	for i := range 300 {
		origins = append(origins, fmt.Sprintf("\"https://o%d.example\"", i))
	}
	text := "[cors.app]\norigins = [" + strings.Join(origins, ", ") + "]\n"
	for i := range 40 {
		text += fmt.Sprintf("[route.r%d]\npath = \"/%d\"\ncors = \"app\"\nrespond = {}\n", i, i)
	}
	list, asked, err := explain.Consequences(parse(t, text), parse(t, strings.Replace(text, "https://o7.", "https://p7.", 1)), nil)
	if err != nil || asked != explain.MaxQuestions {
		t.Fatalf("%d questions, %v", asked, err)
	}
	if len(list) < 20 {
		t.Errorf("%d consequences", len(list))
	}
}

func TestConsequencesOfWhatCannotBe(t *testing.T) {
	cfg := parse(t, strings.Replace(before, "https://app.example", "https://app.example/", 1))
	_, _, err := explain.Consequences(parse(t, before), cfg, nil)
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Errorf("error %v", err)
	}
}

// TestSeen: what pages were refused, and what they were allowed by a preflight, is remembered as it was asked.
func TestSeen(t *testing.T) {
	g, address := serve(t, before)
	for range 3 {
		ask(t, address, "GET", "/api/1?secret", "Origin: https://evil.example")
	}
	ask(t, address, "OPTIONS", "/api/2", "Origin: https://x.preview.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a")
	want := []fetch.Question{
		{Origin: "https://evil.example", Method: "GET", Headers: []string{}, URL: "https://api.example.com/api/1", Mode: "cors"},
		{Origin: "https://x.preview.example", Method: "PUT", Headers: []string{"x-a"}, URL: "https://any.example/api", Mode: "cors"},
	}
	var d string
	until(t, "what was seen is listed", func() bool { d = cmp.Diff(want, g.Seen(16)); return d == "" || len(g.Seen(16)) > len(want) })
	if d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for n := range 3 {
		if got := g.Seen(n); len(got) > n {
			t.Errorf("Seen(%d) are %d", n, len(got))
		}
	}
	totals := metrics.Totals{Requests: 4, Refused: 3}
	until(t, fmt.Sprintf("the totals are %+v", totals), func() bool { return g.Totals() == totals }) // a request is counted after its answer
	if err := g.Reload(parse(t, strings.Replace(before, "/api", "/new", 1))); err != nil {
		t.Fatal(err)
	}
	if got := g.Totals(); got.Requests != 4 {
		t.Errorf("after a reload there are %d requests", got.Requests)
	}
}
