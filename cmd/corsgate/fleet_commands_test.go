//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sharedText is what TestFleetCommands changes.
const sharedText = `[cors.app]
origins = ["https://app.example.com", "https://old.example.com"]
methods = ["PUT"]

[route.api]
path = "/api"
cors = "app"
respond = { body = "one" }
`

// TestFleetCommands: what each command says of a fleet without gateways.
func TestFleetCommands(t *testing.T) {
	f := newFleetOf(t, 1)
	want := func(status int, text string, args ...string) {
		t.Helper()
		run := f.ask
		if args[0] == "push" || args[0] == "rollback" {
			run = f.run
		}
		got, stdout, stderr := run(args...)
		if d := cmp.Diff(text, masked(strings.ReplaceAll(stdout+stderr, f.dir, "DIR"))); got != status || d != "" {
			t.Errorf("fleet %s: exit status %d, want %d (-want +got):\n%s", strings.Join(args, " "), got, status, d)
		}
	}
	file := filepath.Join(f.dir, "shared.toml")
	put := func(old, new string) {
		t.Helper()
		rewrite(t, file, strings.Replace(sharedText, old, new, 1))
	}
	want(0, "no revision has been pushed yet\nno gateway is alive\n", "status")
	want(0, "no revision has been pushed yet\n", "log")
	want(1, "corsgate: no revision has been pushed yet\n", "show")
	put("", "")
	want(0, "nothing is live yet: this is the first revision\nnothing was changed (--dry-run)\n", "push", file, "--dry-run")
	want(0, "nothing is live yet: this is the first revision\nrevision 1 is live\n", "push", file, "--message=first")
	want(0, "FILE is already live: revision 1\n", "push", file)
	want(0, sharedText, "show")
	if err := f.store().See(t.Context(), "a", `[{"origin": "https://old.example.com", "method": "PUT", "url": "https://api.example.com/api/7", "headers": [], "mode": "cors"}]`); err != nil {
		t.Fatal(err)
	}
	put(`, "https://old.example.com"`, "")
	const diff = `@@ -1,5 +1,5 @@
 [cors.app]
-origins = ["https://app.example.com", "https://old.example.com"]
+origins = ["https://app.example.com"]
 methods = ["PUT"]
 
 [route.api]
changes for pages (5 questions, 1 of them seen lately, marked *):
* https://old.example.com  PUT https://api.example.com/api/7  without credentials allowed → denied (origin-not-allowed)  [route.api]
  https://old.example.com  GET https://any.example/api  without credentials allowed → denied (origin-not-allowed)  [route.api]
  https://old.example.com  PUT https://any.example/api  without credentials allowed → denied (origin-not-allowed)  [route.api]
`
	want(0, "--- revision 1\n+++ FILE\n"+diff+"revision 2 is live\n", "push", file, "--message=without the old one")
	want(0, "revision 2  TIME  alice@test  without the old one\nrevision 1  TIME  alice@test  first\n", "log")
	want(0, "--- revision 1\n+++ revision 2\n"+diff, "diff")
	want(0, "--- revision 1\n+++ revision 2\n"+diff, "diff", "1")
	want(0, "--- revision 1\n+++ revision 2\n"+diff, "diff", "1", "2")
	want(0, "revisions 2 and 2 are the same\n", "diff", "2")
	want(0, sharedText, "show", "1")
	put(`"one"`, `"two"`)
	want(1, "corsgate: not pushed: another revision went live in the meantime: revision 2 is live, not 1\n"+
		"  revision 2  TIME  alice@test  without the old one\n"+
		"Look at it (corsgate fleet diff), take it into account, and push again\n", "push", file, "--base=1")
	got, out, _ := f.run("rollback", "1")
	if got != 0 || !strings.Contains(out, "denied → allowed") || !strings.HasSuffix(out, "revision 3 is live\n") {
		t.Errorf("rollback: %d\n%s", got, out)
	}
	want(0, "revision 3  TIME  alice@test  back to revision 1: first\n", "log", "--limit=1")
	want(0, "revision 3 is already live: revision 3\n", "rollback", "3")

	// Bad input.
	put("methods", "metods")
	want(2, "FILE:3: cors.app.metods: unknown key (did you mean methods?)\n", "push", file)
	put("[route", "[listener.b]\n[route")
	want(2, "FILE:5: listener: this belongs in each gateway's own file: the shared configuration has only default_cors, [cors.NAME], [upstream.NAME], [auth.NAME], [limit.NAME], [route.NAME] (move it there)\n", "push", file)
	put("/api", "/api\"\nlimit = \"x")
	want(2, "FILE:7: route.api.limit: there is no rate limit \"x\", and no other rate limit either (add [limit.NAME])\n", "push", file)
	put("[route", "[upstream.idle]\nendpoints = [\"http://127.0.0.1:1\"]\n[route")
	want(2, "FILE:5: upstream.idle: warning: no route uses this upstream (remove it, or write upstream = \"idle\" in a route)\nFILE: 1 warning, and --strict admits none\n", "push", file, "--strict")
	want(2, "corsgate: DIR/none.toml: no such file (to begin with one: corsgate init > DIR/none.toml)\n", "push", filepath.Join(f.dir, "none.toml"))
	want(2, "corsgate: --canary 0%: write a share above 0% and up to 100%, or names of gateways\n", "push", file, "--canary=0%")
	want(2, "corsgate: --canary NaN%: write a share above 0% and up to 100%, or names of gateways\n", "push", file, "--canary=NaN%")
	want(2, "corsgate: --hold: gateways that try a revision need some time, such as 60s\n", "push", file, "--canary=10%", "--hold=-1s")
	want(2, "corsgate: --hold is for those who try a revision first: say who, such as --canary 10%\n", "push", file, "--hold=1s")
	rewrite(t, file, sharedText+strings.Repeat("# a comment\n", 200_000))
	if got, _, text := f.run("push", file); got != 2 || !strings.Contains(text, "not pushed: the configuration is too large for etcd") {
		t.Errorf("too large: exit status %d: %s", got, text)
	}
	want(2, "corsgate: there is no revision 7: corsgate fleet log lists them\n", "rollback", "7")
	want(2, "corsgate: \"x\" is not the number of a revision: corsgate fleet log lists them\n", "show", "x")
	want(2, "corsgate: log takes no arguments: remove \"1\" (see corsgate fleet log --help)\n", "log", "1")
	want(2, "corsgate: push takes a FILE, and there are 0 arguments (see corsgate fleet push --help)\n", "push")
}

// masked hides times, and the names of temporary files.
func masked(s string) string {
	lines := strings.SplitAfter(s, "\n")
	for i, line := range lines {
		words := strings.Split(line, "  ")
		if len(words) > 2 && len(words[1]) == len("2006-01-02 15:04:05") && strings.HasPrefix(strings.TrimSpace(words[0])+words[2], "revision") {
			words[1] = "TIME"
		}
		if len(words) > 3 && len(words[2]) == len("2006-01-02 15:04:05") {
			words[2] = "TIME"
		}
		lines[i] = strings.ReplaceAll(strings.Join(words, "  "), "DIR/shared.toml", "FILE")
	}
	return strings.Join(lines, "")
}

// TestFleetFlags: where a fleet is can be said without a file, once.
func TestFleetFlags(t *testing.T) {
	f := newFleetOf(t, 1)
	file := write(t, sharedText)
	w := func(status int, part string, args ...string) {
		t.Helper()
		got, stdout, stderr := command(append([]string{"fleet"}, args...)...)
		if got != status || !strings.Contains(stdout+stderr, part) {
			t.Errorf("fleet %v: exit status %d, want %d and %q:\n%s%s", args, got, status, part, stdout, stderr)
		}
	}
	etcd := "--etcd=" + f.etcd.Endpoints()[0]
	w(0, "revision 1 is live", "push", etcd, "--prefix=/corsgate/test/", file)
	w(0, "revision 1", "log", etcd, "--prefix=/corsgate/test/")
	w(0, "no revision has been pushed yet", "log", etcd)
	w(2, "--etcd:2: fleet.prefix: \"/corsgate/test\" does not end with a slash", "log", etcd, "--prefix=/corsgate/test")
	w(2, "--etcd:1: fleet.etcd: \"nowhere\" is not the URL", "log", "--etcd=nowhere")
	w(2, "--prefix belongs to --etcd", "log", "--prefix=/corsgate/test/")
	w(2, "both say where the fleet is", "log", etcd, "--config=x.toml")
	w(2, "no such file", "log", "--config=none.toml")
	w(2, "has no table [fleet]", "log", "--config="+write(t, saysHere("")))
	w(2, "fleet.password_file: cannot read none: no such file", "log", etcd, "--username=u", "--password-file=none")
	w(2, "fleet.tls_ca: cannot read none", "log", "--etcd=https://127.0.0.1:1", "--tls-ca=none")
	w(0, "Available Commands:", []string{}...)
	w(2, `unknown command "psh"`, "psh")
}

// TestFleetEdit: what is edited is pushed; while it cannot be, it is offered again, and it is never lost.
func TestFleetEdit(t *testing.T) {
	f := newFleetOf(t, 1)
	f.push(saysHere("one"), 0, "revision 1 is live")
	other := write(t, saysHere("another"))
	// edit runs the command with an editor that is a script, and its answers.
	edit := func(script, answers string) (status int, text string) {
		t.Helper()
		editor := filepath.Join(t.TempDir(), "editor")
		if err := os.WriteFile(editor, []byte("#!/bin/sh\nset -e\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), os.Args[0], "fleet", "edit", "--config", f.own("pusher", ""), "--author=bob@test")
		c.Env = append(os.Environ(), asCorsgate+"=1", "VISUAL=", "EDITOR="+editor+" -x", "TMPDIR="+t.TempDir(), "COUNT="+filepath.Join(t.TempDir(), "count"))
		c.Stdin = strings.NewReader(answers)
		out, err := c.CombinedOutput()
		if c.ProcessState == nil {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode(), string(out)
	}
	has := func(what string, status, want int, text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if status != want || !strings.Contains(text, part) {
				t.Errorf("%s: exit status %d, want %d and %q:\n%s", what, status, want, part, text)
			}
		}
	}
	status, text := edit(`true`, "")
	has("nothing", status, 0, text, "nothing was changed")
	status, text = edit(`test "$1" = -x; echo "# more" >> "$2"`, "")
	has("a comment", status, 0, text, "+# more", "nothing changes for pages", "revision 2 is live")

	status, text = edit(`echo "x = 1" >> "$2"`, "n\n")
	has("a mistake", status, 2, text, "revision-3.toml:5: route.here.x: unknown key", "Edit it again? [Y/n]", "the text is kept in ")
	const kept = "is kept in "
	path := strings.TrimSpace(text[strings.LastIndex(text, kept)+len(kept):])
	if edited, err := os.ReadFile(path); err != nil || !strings.HasSuffix(string(edited), "x = 1\n") {
		t.Errorf("what was written is lost: %q, %v", edited, err)
	}
	status, text = edit(`if test -e "$COUNT"; then sed -i /x/d "$2"; echo "# mended" >> "$2"; else touch "$COUNT"; echo "x = 1" >> "$2"; fi`, "\n")
	has("a mistake, mended", status, 0, text, "unknown key", "revision 3 is live")

	push := fmt.Sprintf(`CORSGATE_TEST_AS_CORSGATE=1 %q fleet push --config %q --author=carol@test -m faster %q > /dev/null`, os.Args[0], f.own("pusher", ""), other)
	status, text = edit(`if ! test -e "$COUNT"; then touch "$COUNT"; `+push+`; fi; echo "# slow" >> "$2"`, "y\n")
	has("overtaken", status, 0, text, "not pushed: another revision went live in the meantime: revision 4 is live, not 3", "carol@test  faster",
		"If you push your text, it is undone:", `+respond = { body = "another" }`, "revision 5 is live")
	status, text = edit(`echo "# lost?" >> "$2"; exit 3`, "")
	has("the editor fails", status, 1, text, "exit status 3: the text is kept in ")
}
