package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/probe"
)

func TestProbe(t *testing.T) {
	reflecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}))
	defer reflecting.Close()
	none := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer none.Close()
	// Each want is a part of the output; "" says that there is none.
	f := func(status int, stdout, stderr string, args ...string) {
		t.Helper()
		got, out, errs := command(append([]string{"probe"}, args...)...)
		if got != status || !has(out, stdout) || !has(errs, stderr) || strings.Count(errs, "\n") > 1 {
			t.Errorf("corsgate probe %q: status %d\nstdout: %s\nstderr: %s\nwant %d, %q, %q", args, got, out, errs, status, stdout, stderr)
		}
	}
	f(0, "grade A", "", none.URL)
	f(1, "grade F", "", reflecting.URL)
	f(1, "friend-refused", "", "--origin", "https://a.example", none.URL)
	f(1, `"grade": "F"`, "", "--format", "json", reflecting.URL)
	f(2, "", "the URL is missing", "--origin", "https://a.example")
	f(2, "", "probe takes one URL", none.URL, none.URL)
	f(2, "", "not absolute", "a.example")
	f(2, "", "write https://a.example", "--origin", "https://a.example/", none.URL)
	f(2, "", `say "text" or "json"`, "--format", "xml", none.URL)
	f(2, "", "a timeout of -1s", "--timeout", "-1s", none.URL)
	url := none.URL
	none.Close()
	f(2, "", "does not answer", url)

	_, out, _ := command("probe", "--format", "json", reflecting.URL)
	var r probe.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Findings) == 0 || r.Findings[0].Severity != probe.Critical {
		t.Errorf("%v\n%s", err, out)
	}
}
