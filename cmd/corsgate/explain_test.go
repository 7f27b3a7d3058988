package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
	"github.com/corsgate/corsgate/gateway/explain"
	"github.com/corsgate/corsgate/gateway/fetch"
)

func TestExplain(t *testing.T) {
	path, missing := write(t, valid), filepath.Join(t.TempDir(), "none.toml")
	// Each want is a part of the output; "" says that there is none.
	f := func(status int, stdout, stderr string, args ...string) {
		t.Helper()
		got, out, errs := command(append([]string{"explain"}, args...)...)
		if got != status || !has(out, stdout) || !has(errs, stderr) || status == cli.Usage && strings.Count(errs, "\n") > 1 && !strings.Contains(errs, "Usage:") {
			t.Errorf("corsgate explain %s: status %d\nstdout: %s\nstderr: %s\nwant %d, %q, %q", strings.Join(args, " "), got, out, errs, status, stdout, stderr)
		}
	}
	const page, url = "https://a.example", "https://api.example/items"
	f(0, "allowed: ", "", "-c", path, "--origin", page, url)
	f(0, path+":2", "", "-c", path, "--origin", page, url)
	f(0, "same-origin: ", "", "-c", path, "--origin", "https://api.example", url)
	f(1, `add "https://b.example" to origins in [cors.app] (`+path+":2)", "", "-c", path, "--origin", "https://b.example", url)
	f(1, `add "PUT" to methods in [cors.app]`, "", "-c", path, "--origin", page, "--method", "put", url)
	f(1, `add "X-A", "X-B" to request_headers`, "", "-c", path, "--origin", page, "--header", "X-A", "--header", "X-B: c,d", url)
	f(1, `write credentials = true in [cors.app]`, "", "-c", path, "--origin", page, "--credentials", url)
	f(2, "", "the origin is missing", "-c", path, url)
	f(2, "", "write https://a.example", "-c", path, "--origin", "https://A.example/", url)
	f(2, "", "is not absolute", "-c", path, "--origin", page, "items")
	f(2, "", "browsers refuse to send it", "-c", path, "--origin", page, "--method", "trace", url)
	f(2, "", "leave it out", "-c", path, "--origin", page, "--header", "Cookie", url)
	f(2, "", `say "text" or "json"`, "-c", path, "--origin", page, "--format", "xml", url)
	f(2, "", "the URL is missing", "-c", path, "--origin", page)
	f(2, "", "explain takes one URL", "-c", path, "--origin", page, url, url)
	f(2, "", "corsgate init > "+missing, "-c", missing, "--origin", page, url)
	bad := write(t, strings.Replace(valid, "https://a.example", "https://A.example", 1))
	f(2, "", bad+":2: cors.app.origins", "-c", bad, "--origin", page, url)
}

func TestExplainJSON(t *testing.T) {
	_, out, _ := command("explain", "-c", write(t, valid), "--origin", "https://a.example", "--format", "json", "https://api.example/<x>")
	var e explain.Explanation
	if err := json.Unmarshal([]byte(out), &e); err != nil || !e.Allowed || e.Outcome != fetch.Allowed || e.Route.Name != "api" {
		t.Errorf("%v\n%s", err, out)
	}
}
