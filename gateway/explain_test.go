package gateway_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/google/go-cmp/cmp"
)

// TestExplainText holds what people read: each file of testdata/explain is a configuration and, after lines that
// begin with "$ ", what explain says. With -update it writes what explain says now.
func TestExplainText(t *testing.T) {
	files, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(string(text), "\n$ ")
			cfg, err := config.Parse("corsgate.toml", []byte(parts[0]))
			if err != nil {
				t.Fatal(err)
			}
			got := parts[0]
			for _, part := range parts[1:] {
				command, _, _ := strings.Cut(part, "\n")
				got += "\n$ " + command + "\n" + said(t, cfg, questionOf(command), tokenOf(command))
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(text), got); diff != "" && !*update {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// said returns what explain writes, without the date.
func said(t *testing.T, cfg *config.Config, q fetch.Question, token string) string {
	t.Helper()
	e, err := explain.Config(cfg, q)
	if token != "" {
		e, err = explain.Token(cfg, q, token)
	}
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	if err := e.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if token != "" && strings.Contains(b.String(), token) {
		t.Errorf("it shows the token:\n%s", b.String())
	}
	text := regexp.MustCompile(`(?m)^(  < Date: ).*$`).ReplaceAllString(b.String(), "${1}NOW")
	return regexp.MustCompile(`, \S+ ago;`).ReplaceAllString(text, ", AGE ago;")
}

// tokenOf returns the token of a command.
func tokenOf(command string) string {
	_, rest, _ := strings.Cut(command, "--token ")
	token, _, _ := strings.Cut(rest, " ")
	return token
}

// questionOf reads a question as the command line has it.
func questionOf(command string) (q fetch.Question) {
	words := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(command, -1)
	for i := 0; i < len(words); i++ {
		next := func() string { i++; return strings.Trim(words[i], `"`) }
		switch words[i] {
		case "--origin":
			q.Origin = next()
		case "--method":
			q.Method = next()
		case "--header":
			q.Headers = append(q.Headers, next())
		case "--response-header":
			q.ResponseHeaders = append(q.ResponseHeaders, next())
		case "--mode":
			q.Mode = next()
		case "--credentials":
			q.Credentials = true
		case "--token":
			next() // see tokenOf
		default:
			q.URL = strings.Trim(words[i], `"`)
		}
	}
	return q
}

// TestExplainQuestions holds that a question which makes no sense is an error that says what to write instead.
func TestExplainQuestions(t *testing.T) {
	cfg := parse(t, policy("http://127.0.0.1:1", "ONE"))
	sane := fetch.Question{Origin: "https://a.example", URL: "https://api.example/"}
	f := func(change func(*fetch.Question), want ...string) {
		t.Helper()
		q := sane
		change(&q)
		_, err := explain.Config(cfg, q)
		if err == nil {
			t.Errorf("%+v is no error, want %q", q, want)
			return
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%+v: %q, want %q in one line", q, err, part)
			}
		}
	}
	origin := func(o string) func(*fetch.Question) { return func(q *fetch.Question) { q.Origin = o } }
	f(origin(""), "missing")
	f(origin("https://A.example"), "upper-case", "write https://a.example")
	f(origin("https://a.example/"), "slash", "write https://a.example")
	f(origin("https://a.example/x?y"), "write https://a.example")
	f(origin("https://a.example:443"), "default", "write")
	f(origin("http://a.example:80"), "default", "write")
	f(origin("a.example"), "scheme", "write https://a.example")
	f(origin("https://*.example.com"), "star")
	f(origin("*"), "star")
	f(origin("https://bücher.example"), "A-label", "write https://xn--bcher-kva.example")
	f(origin("https://u@a.example"), "user information")
	f(origin("https://a.example, https://b.example"), "pattern")
	f(origin("Null"), "")
	f(origin("https://a.example\r\nX: y"), "control")
	f(origin(strings.Repeat("a", 70000)), "longer")
	f(origin("\xff"), "")
	url := func(u string) func(*fetch.Question) { return func(q *fetch.Question) { q.URL = u } }
	f(url(""), "not absolute", "write")
	f(url("/items"), "not absolute")
	f(url("api.example/items"), "not absolute")
	f(url("ftp://api.example/"), "not absolute")
	f(url("wss://u@api.example/"), "not absolute")
	mode := func(mode, method, url string, headers ...string) func(*fetch.Question) {
		return func(q *fetch.Question) { q.Mode, q.Method, q.URL, q.Headers = mode, method, url, headers }
	}
	f(mode("CORS", "", sane.URL), "write cors")
	f(mode("websocket", "", sane.URL), "ws or wss")
	f(mode("cors", "", "wss://api.example/"), "leave the mode out")
	f(mode("", "POST", "wss://api.example/"), "leave them out")
	f(mode("", "", "wss://api.example/", "X-A"), "leave them out")
	f(mode("navigate", "PUT", sane.URL), "GET or POST")
	f(mode("navigate", "POST", sane.URL, "X-A"), "cannot set headers")
	f(mode("no-cors", "PUT", sane.URL), "GET, HEAD or POST")
	f(mode("no-cors", "GET", sane.URL, "X-A"), "drop it")
	f(url("https://u:p@api.example/"), "user information")
	f(url("https://api.example/a/../b"), "dot segments", "/b")
	f(url("https://api.example/a/%2E%2e/b/."), "dot segments", "/b/")
	f(url("https://api.example:99999/"), "host with a port")
	f(url("https://a b/"), "")
	f(url("https://a..b/"), "host")
	f(url("https://[::1/"), "")
	f(url("https://[fe80::1%25eth0]/"), "host")
	f(url("http://\x7f/"), "")
	method := func(m string) func(*fetch.Question) { return func(q *fetch.Question) { q.Method = m } }
	f(method("GET POST"), "not a method name")
	f(method("Trace"), "refuse to send")
	f(method("CONNECT"), "refuse to send")
	read := func(h ...string) func(*fetch.Question) {
		return func(q *fetch.Question) { q.ResponseHeaders = h }
	}
	f(read(""), "not a header name")
	f(read("X A"), "not a header name")
	f(read("X-A", "x:y"), "not a header name")
	f(read(strings.Repeat("a", 70000)), "shorten it")
	header := func(h ...string) func(*fetch.Question) { return func(q *fetch.Question) { q.Headers = h } }
	f(header(""), "not a header name")
	f(header("X Foo"), "not a header name")
	f(header("Cookie"), "leave it out", "with credentials")
	f(header("Sec-Fetch-Site"), "leave it out")
	f(header("Host: x"), "leave it out")
	f(header("X-Foo", "x-foo"), "twice")
	f(header("X-HTTP-Method-Override: TRACE"), "refuse to send", "leave it out")
	f(header("x-method-override: GET , track"), "leave it out")
	f(header(`X-HTTP-Method: "a,b", Connect`), "leave it out")
	f(header("X-Foo: a\r\nOrigin: b"), "printable")
	f(header("X-Foo: ä"), "printable")
	f(header("X: "+strings.Repeat("a", 70000)), "longer")
}

// TestExplainConfiguration: a configuration that cannot be served explains nothing but its problems.
func TestExplainConfiguration(t *testing.T) {
	cfg := parse(t, strings.Replace(policy("http://127.0.0.1:1", "ONE"), "https://myapp.com", "https://MyApp.com", 1))
	_, err := explain.Config(cfg, fetch.Question{Origin: "https://a.example", URL: "https://api.example/"})
	if problems := (config.Problems)(nil); !errors.As(err, &problems) || !strings.Contains(err.Error(), "corsgate.toml:") {
		t.Errorf("%v, want problems", err)
	}
}

// TestExplainJSON holds that names stay and lists are never null.
func TestExplainJSON(t *testing.T) {
	cfg := parse(t, policy("http://127.0.0.1:1", "ONE"))
	f := func(q fetch.Question) {
		t.Helper()
		e, err := explain.Config(cfg, q)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"headers", "preflight_reasons", "request", "response", "steps", "response_headers", "changes", "notes"} {
			if strings.Contains(string(text), `"`+list+`":null`) {
				t.Errorf("%+v: %s is null", q, list)
			}
		}
		var keys map[string]any
		if err := json.Unmarshal(text, &keys); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"question", "outcome", "allowed", "summary", "route", "policy", "preflight_reasons",
			"preflight", "actual", "anonymous", "credentialed", "response_headers", "changes", "notes"} {
			if _, ok := keys[key]; !ok {
				t.Errorf("%+v: no %s", q, key)
			}
			delete(keys, key)
		}
		if len(keys) > 0 {
			t.Errorf("%+v: surplus %v", q, keys)
		}
	}
	f(fetch.Question{Origin: "https://myapp.com", URL: "https://api.example/"})
	f(fetch.Question{Origin: "https://other.example", Method: "PUT", URL: "https://api.example/"})
	f(fetch.Question{Origin: "https://api.example", URL: "https://api.example/"})
}

// FuzzQuestion: whatever is asked, it is an error in one line, or the question as it was understood has the same answer.
func FuzzQuestion(f *testing.F) {
	f.Add("https://myapp.com", "GET", "", "https://api.example/", true)                        // the usual
	f.Add("null", "patch", "Content-Type: text/plain", "http://[::1]:8080/a%2fb?x y#z", false) // odd, but possible
	f.Add("https://x.test", "POST", "X-A", "HTTPS://BÜCHER.example:443?ä", false)              // brought into its normal form
	f.Add("HTTPS://x", "TRACE", "Cookie", "wss://u@x/../", true)                               // refused in every part
	cfg := parse(f, policy("http://127.0.0.1:1", "ONE"))
	f.Fuzz(func(t *testing.T, origin, method, header, url string, credentials bool) {
		q := fetch.Question{Origin: origin, Method: method, URL: url, Credentials: credentials}
		if header != "" {
			q.Headers = []string{header}
		}
		e, err := explain.Config(cfg, q)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%+v: %q is not one line", q, err)
			}
			return
		}
		again, err := explain.Config(cfg, e.Question)
		if err != nil {
			t.Fatalf("%+v was understood as %+v: %v", q, e.Question, err)
		}
		if diff := cmp.Diff(undated(e), undated(again)); diff != "" {
			t.Errorf("%+v was understood as %+v (-first +again):\n%s", q, e.Question, diff)
		}
	})
}
