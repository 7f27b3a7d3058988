package main

import (
	"strings"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/printabletest"
)

// TestCommandsArePrintable: whatever a command prints of a file, a name or an argument.
func TestCommandsArePrintable(t *testing.T) {
	const routes = "[cors.a]\norigins = [\"https://a.example\"]\n[route.a]\ncors = \"a\"\nrespond = { body = \"x\" }\n"
	f := func(text string, args ...string) {
		t.Helper()
		_, out, errs := command(append(args, "-c", write(t, text))...)
		if out+errs == "" || printabletest.Obeyed(out+errs) != "" {
			t.Errorf("%q of %q prints %q, %q", args, text, out, errs)
		}
	}
	f("[route.\"\u009b\u202e\"]\nrespond = { body = \"x\" }\n\u009b = 1\n", "check")
	f(routes+"\u202e = 1\n", "check", "--format", "json")
	f("\x1b[2J\x9b", "check")
	f(strings.Replace(routes, "https://a.example", "https://\u009b31m.example\u202e", 1), "check")
	f(routes, "explain", "--origin", "https://a\u202e.example", "https://api.example/")
	f(routes, "explain", "--origin", "https://a.example", "https://api.example/\u009b?\u202e")
	f(routes, "explain", "--origin", "https://a.example", "--header", "x\x1b[2J", "https://api.example/")
	f(routes, "explain", "--origin", "https://a.example", "--format", "\x9b", "https://api.example/")
	f(routes, "\u009b31m")
}
