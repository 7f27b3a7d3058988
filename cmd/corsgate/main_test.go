package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
	"github.com/corsgate/corsgate/cmd/corsgate/internal/upgrade"
	"github.com/corsgate/corsgate/gateway/config"
	"go.uber.org/goleak"
)

// asCorsgate makes the test's binary behave as corsgate itself, for tests that send signals.
const asCorsgate = "CORSGATE_TEST_AS_CORSGATE"

// impatient makes it wait for a successor only briefly.
const impatient = "CORSGATE_TEST_IMPATIENT"

func TestMain(m *testing.M) {
	if os.Getenv(asCorsgate) == "1" {
		if os.Getenv(impatient) == "1" {
			upgrade.Patience = 500 * time.Millisecond
		}
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m,
		// fasthttp never ends its clock, and its worker pools notice their end after 10 s.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// The runtime's, since the first signal.Notify.
		goleak.IgnoreAnyFunction("os/signal.loop"),
	)
}

// write writes a configuration into a new directory and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "corsgate.toml")
	rewrite(t, path, text)
	return path
}

func rewrite(t *testing.T, path, text string) {
	t.Helper()
	// At once: half a file would be read, and complained of.
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// command runs one command line in this process.
func command(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, &out, &errs)
	return status, out.String(), errs.String()
}

const (
	valid = `[cors.app]
origins = ["https://a.example"]
[upstream.api]
endpoints = ["http://127.0.0.1:9"]
[route.api]
cors = "app"
upstream = "api"
`
	warned = `[cors.app]
origins = ["https://a.example", "https://a.example"]
[route.api]
cors = "app"
respond = { status = 200 }
`
	// One problem for the parser, one for the policy.
	invalid = `[timeouts]
header = 5
[cors.app]
origins = ["https://A.example"]
[route.api]
cors = "app"
respond = { status = 200 }
`
)

func TestRun(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "corsgate.toml")
	good, doubtful, bad := write(t, valid), write(t, warned), write(t, invalid)
	// Each want is a part of the output; "" says that there is none.
	f := func(status int, stdout, stderr string, args ...string) {
		t.Helper()
		gotStatus, out, errs := command(args...)
		if gotStatus != status || !has(out, stdout) || !has(errs, stderr) {
			t.Errorf("corsgate %s: status %d\nstdout: %s\nstderr: %s\nwant %d, %q, %q",
				strings.Join(args, " "), gotStatus, out, errs, status, stdout, stderr)
		}
	}
	// Usage.
	f(0, "Available Commands:", "")
	f(0, "corsgate "+version(), "", "--version")
	f(2, "", `unknown command "srve": did you mean serve?`, "srve")
	f(2, "", `say "text" or "json"`, "check", "--format", "xml", "-c", good)
	f(0, "Available Commands:", "", "--help")
	f(0, "--strict", "", "check", "--help")
	// What needs no configuration.
	f(0, string(config.Example()), "", "init")
	f(0, "corsgate ", "", "version")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		f(0, "corsgate", "", "completion", shell)
	}
	// What does.
	f(0, good+": valid: 1 route, 1 policy, 1 upstream\n", "", "check", "--config", good)
	f(0, good+": valid: 1 route, 1 policy, 1 upstream\n", "", "check", good)
	f(2, "", bad+":2: timeouts.header: ", "check", bad)
	f(0, ": valid: ", doubtful+":2: cors.app.origins: warning: ", "check", "-c", doubtful)
	f(2, "", "1 warning, and --strict admits none", "check", "-c", doubtful, "--strict")
	f(0, ": valid: ", "", "check", "-c", good, "--strict")
	f(2, "", bad+":2: timeouts.header: ", "check", "-c", bad)
	f(2, "", bad+":4: cors.app.origins: ", "check", "-c", bad)
	f(2, "", bad+":2: timeouts.header: ", "serve", "-c", bad)
	f(2, "", bad+":4: cors.app.origins: ", "serve", "-c", bad)
	f(2, "", "corsgate init > "+missing, "check", "-c", missing)
	f(2, "", "corsgate init > "+missing, "serve", "-c", missing)
	f(2, "", "is a directory", "check", "-c", t.TempDir())
}

func has(text, part string) bool {
	if part == "" {
		return text == ""
	}
	return strings.Contains(text, part)
}

// What init prints, check accepts, and strictly.
func TestInitIsValid(t *testing.T) {
	_, text, _ := command("init")
	path := write(t, text)
	if status, _, stderr := command("check", "--strict", "-c", path); status != 0 {
		t.Errorf("status %d\n%s", status, stderr)
	}
}

// TestUsualFiles: without a word, the configuration is the one here, or else the one of the package.
func TestUsualFiles(t *testing.T) {
	defer func(before []string) { source.Usual = before }(source.Usual)
	here, installed := filepath.Join(t.TempDir(), "corsgate.toml"), write(t, valid)
	source.Usual = []string{here, installed}
	want := func(name string, args ...string) {
		t.Helper()
		if status, out, errs := command(args...); status != 0 || !strings.Contains(out, name) {
			t.Errorf("%v: status %d\n%s%s\nwant %s", args, status, out, errs, name)
		}
	}
	explain := []string{"explain", "--origin", "https://a.example", "https://api.example/"}
	want(installed+": valid", "check")
	want(installed+":5", explain...)
	rewrite(t, here, "\n"+valid)
	want(here+": valid", "check")
	want(here+":6", explain...)
	// One that cannot be read is not passed over.
	if err := os.Remove(here); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(here, 0o700); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := command("check"); status != 2 || !strings.Contains(errs, here+" is a directory") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// TestStdin: "-" is standard input, for what reads the file once.
func TestStdin(t *testing.T) {
	f := func(text, want string, args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), os.Args[0], args...)
		c.Env, c.Stdin = append(os.Environ(), asCorsgate+"=1"), strings.NewReader(text)
		if out, _ := c.CombinedOutput(); !strings.Contains(string(out), want) {
			t.Errorf("%v: %s, want %q", args, out, want)
		}
	}
	f(valid, "stdin: valid: 1 route", "check", "-c", "-")
	f(valid, "stdin: valid: 1 route", "check", "-")
	f(invalid, "stdin:2: timeouts.header: ", "check", "-")
	f(valid, "stdin:5", "explain", "-c", "-", "--origin", "https://a.example", "https://api.example/")
}

// TestCompletion: shells complete the values of flags, and files only where a file is wanted.
func TestCompletion(t *testing.T) {
	f := func(want string, words ...string) {
		t.Helper()
		if _, out, _ := command(append([]string{"__complete"}, words...)...); !strings.HasPrefix(out, want) {
			t.Errorf("%v: %q, want %q", words, out, want)
		}
	}
	f("text\njson\n:4", "check", "--format", "")
	f("nginx", "convert", "--from", "ng")
	f("cors\nno-cors\nsame-origin\nnavigate\n:4", "explain", "--mode", "")
	f("toml\n:8", "check", "--config", "")
	f("toml\n:8", "check", "")
	f(":4", "explain", "")
	f(":4", "version", "")
}
