package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
)

func TestConvert(t *testing.T) {
	const options = "const o = { origin: [/example\\.com$/], credentials: true }\napp.use(cors(o))\n"
	path := write(t, options)
	status, out, errs := command("convert", "--from", "express", path)
	if status != 0 || errs != "" || !strings.Contains(out, "https://evilexample.com") || !strings.Contains(out, `"https://*.example.com"`) {
		t.Fatalf("status %d, %q\n%s", status, errs, out)
	}
	if status, _, errs := command("check", "--strict", "-c", write(t, out)); status != 0 {
		t.Errorf("check: status %d\n%s\n%s", status, errs, out)
	}
	f := func(want string, args ...string) {
		t.Helper()
		status, out, errs := command(append([]string{"convert"}, args...)...)
		if status != cli.Usage || out != "" || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("convert %q: status %d, %q, %q, want 2 and %q", args, status, out, errs, want)
		}
	}
	f(`--from "": write one of nginx`, path)
	f(`--from "apache"`, "--from", "apache", path)
	f("takes one FILE", "--from", "nginx")
	f("takes one FILE", "--from", "nginx", path, path)
	f("no such file", "--from", "nginx", filepath.Join(t.TempDir(), "none"))
	f("is a directory", "--from", "nginx", t.TempDir())
	f("nothing about CORS", "--from", "envoy", write(t, "a: b"))
	f(":2: ", "--from", "nginx", write(t, "a;\n}"))
}
