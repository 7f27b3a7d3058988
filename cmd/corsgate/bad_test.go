package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestBadInput holds that whatever is wrong with a command line, a file or what is in it, the command, in a process of its own, says so in one
// line on stderr, prints nothing, and exits with 2.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, none := file("good.toml", valid), filepath.Join(dir, "none")
	n := 0
	// Want is a part of the line.
	f := func(want string, args ...string) {
		t.Helper()
		n++
		var out, errs strings.Builder
		c := exec.CommandContext(t.Context(), os.Args[0], args...)
		c.Env = append(os.Environ(), asCorsgate+"=1")
		c.Stdout, c.Stderr, c.Dir, c.WaitDelay = &out, &errs, dir, time.Second
		err := c.Run()
		if line := errs.String(); !strings.HasPrefix(line, "corsgate: ") && !regexp.MustCompile(`^[^ ]+:\d+: `).MatchString(line) {
			t.Errorf("corsgate %q: %q begins neither with the program's name nor with a place", args, line)
		}
		line, more, ended := strings.Cut(errs.String(), "\n")
		if c.ProcessState == nil || c.ProcessState.ExitCode() != 2 || out.Len() > 0 || !ended || more != "" || !strings.Contains(line, want) || len(line) > 2000 {
			t.Errorf("corsgate %q: %v\nstdout: %.500s\nstderr: %.2000s\nwant one line with %q", args, err, out.String(), errs.String(), want)
		}
	}
	// The command line itself.
	f(`unknown command "chekc": did you mean check?`, "chekc")
	f("unknown flag: --nosuch (see corsgate --help)", "--nosuch")
	f("unknown flag: --nosuch (see corsgate check --help)", "check", "--nosuch")
	f("unknown shorthand flag", "check", "-x")
	f("flag needs an argument: --config", "check", "--config")
	f("write true or false", "check", "--strict=maybe")
	f("did you mean --config? (see corsgate check --help)", "check", "--confg", good)
	f("did you mean --origin?", "explain", "--orgin=https://a.example", "https://api.example/")
	f("did you mean --credentials?", "explain", "--credential=x", "https://api.example/")
	f("did you mean --format?", "probe", "--fromat", "json")
	f("write --config x", "check", "-config", "x")
	f("check takes one FILE, and there are 2", "check", "a", "b")
	f("are two files: name one", "check", good, "--config", good)
	f("surplus: no such file", "check", "surplus")
	f("surplus: no such file", "serve", "surplus")
	f("it cannot come from standard input", "serve", "-c", "-")
	f("neither corsgate.toml nor /etc/corsgate/corsgate.toml", "check")
	f("neither corsgate.toml nor /etc/corsgate/corsgate.toml", "serve")
	f("takes no arguments", "demo", "surplus")
	f("takes no arguments", "init", "surplus")
	f("takes no arguments", "version", "surplus")
	f("write true or false", "demo", "--open=perhaps")
	f("a shell is missing", "completion")
	f(`unknown command "tcsh"`, "completion", "tcsh")
	f("takes no arguments", "completion", "bash", "surplus")
	f(`unknown command "nosuch"`, "help", "nosuch")
	// Configurations.
	f("corsgate init > "+none, "check", "-c", none)
	f("corsgate init > "+none, "serve", "-c", none)
	f("is a directory", "check", "-c", dir)
	f(`say "text" or "json"`, "check", "-c", good, "--format", "xml")
	f("there is no route", "check", "-c", file("empty.toml", ""))
	f(":1:", "check", "-c", file("binary.toml", "\xff\xfe[\x00"))
	f(":1:", "check", "-c", file("open.toml", "[cors.a\n"))
	f(":2:", "check", "-c", file("twice.toml", "a = 1\na = 2\n"))
	// Questions.
	explain := func(want string, args ...string) {
		t.Helper()
		f(want, append([]string{"explain", "-c", good}, args...)...)
	}
	const page, url = "--origin=https://a.example", "https://api.example/"
	f("corsgate init > "+none, "explain", "-c", none, page, url)
	explain("the URL is missing", page)
	explain("explain takes one URL", page, url, url)
	explain("the origin is missing", url)
	explain("write https://a.example", "--origin=https://A.example", url)
	explain("stars are for patterns", "--origin=https://*.example.com", url)
	explain("", "--origin=https://a\nb", url)
	explain("is not absolute", page, "items")
	explain("not a host with a port", page, "https://api.example:99999/")
	explain("invalid URL escape", page, "https://a%zz/")
	explain("not a method name", page, "--method=A B", url)
	explain("browsers refuse to send it", page, "--method=TRACE", url)
	explain("not a header name", page, "--header=: x", url)
	explain("leave it out", page, "--header=X-HTTP-Method-Override: TRACE", url)
	explain("write true or false", page, "--credentials=perhaps", url)
	explain("mode", page, "--mode=CORS", url)
	explain("--token is not the token", page, "--token=eyJhbGciOiJIUzI1NiJ9.e30.x", url)
	explain("there is no token", page, "--token=/dev/null", url)
	explain(`say "text" or "json"`, page, "--format=yaml", url)
	// Servers to be probed.
	f("the URL is missing", "probe")
	f("probe takes one URL", "probe", url, url)
	f("", "probe", "ftp://127.0.0.1/")
	f("", "probe", "127.0.0.1")
	f("", "probe", "https://")
	f("", "probe", "http://u:p@127.0.0.1:1/")
	f("", "probe", "http://127.0.0.1:99999/")
	f("", "probe", "--origin=nonsense", "http://127.0.0.1:1/")
	f("", "probe", "--format=xml", "http://127.0.0.1:1/")
	f(`write a time such as "5s"`, "probe", "--timeout=x", "http://127.0.0.1:1/")
	f("", "probe", "--timeout=0s", "http://127.0.0.1:1/")
	f("connection refused", "probe", "http://127.0.0.1:1/")
	// Configurations to be converted.
	f("convert takes one FILE", "convert", "--from=nginx")
	f("convert takes one FILE", "convert", "--from=nginx", good, good)
	f("", "convert", good)
	f("", "convert", "--from=apache", good)
	f("none: no such file", "convert", "--from=nginx", none)
	f("is a directory", "convert", "--from=nginx", dir)
	f("", "convert", "--from=nginx", file("open.conf", "server { add_header"))
	f("", "convert", "--from=express", file("open.json", "{"))
	f("", "convert", "--from=envoy", file("open.json", "{"))
	f("", "convert", "--from=envoy", file("open.yaml", "a: [b\n"))
	f("", "convert", "--from=traefik", file("open.yaml", "a: [b\n"))
	for _, from := range []string{"nginx", "express", "envoy", "traefik"} {
		f("", "convert", "--from="+from, file("zeros", "\x00\x00"))
		f("", "convert", "--from="+from, os.DevNull)
	}
	if n < 70 {
		t.Errorf("only %d", n)
	}
}
