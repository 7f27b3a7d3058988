package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// nasty clears a screen, forges a line and turns the reading direction round.
const nasty = "x\x1b[2J\u009b31m\u202e\x9b\nforged  127.0.0.1:1  99  yes"

// acts returns what of a text a terminal would obey.
func acts(text string) string {
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return string(r)
		}
	}
	return ""
}

// TestFleetIsPrintable: a node and a colleague have a say in what these print, and cannot forge a line of it.
func TestFleetIsPrintable(t *testing.T) {
	revision := fleet.Revision{Number: 7, Author: nasty, Message: nasty, Time: time.Unix(0, 0)}
	s := fleetStatus{Live: 7, revision: revision,
		Rollout: &fleet.Rollout{Candidate: 8, Nodes: []string{nasty}, Author: nasty},
		Nodes:   []fleet.Node{{Name: nasty, Address: nasty, Version: nasty, Error: nasty}}}
	var out bytes.Buffer
	s.print(&out, time.Unix(0, 0))
	printEvent(&out, fleet.Event{Kind: fleet.EventBegun, Nodes: []string{nasty}}, 0)
	printEvent(&out, fleet.Event{Kind: fleet.EventApplied, Node: nasty}, 0)
	for _, r := range []fleet.Revision{revision, {Unusable: nasty}} {
		out.WriteString(revisionLine(r) + "\n")
	}
	for _, err := range []error{&fleet.StoppedError{Node: nasty, Reason: nasty}, &fleet.UnusableError{Key: nasty, Reason: nasty}} {
		out.WriteString(err.Error() + "\n")
	}
	if bad := acts(out.String()); bad != "" {
		t.Errorf("%q in\n%q", bad, out.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "forged") {
			t.Errorf("a forged line in\n%s", out.String())
		}
	}
}

// TestCommandsArePrintable: whatever a command prints of a file, a name or an argument.
func TestCommandsArePrintable(t *testing.T) {
	const routes = "[cors.a]\norigins = [\"https://a.example\"]\n[route.a]\ncors = \"a\"\nrespond = { body = \"x\" }\n"
	f := func(text string, args ...string) {
		t.Helper()
		_, out, errs := command(append(args, "-c", write(t, text))...)
		if out+errs == "" || acts(out+errs) != "" {
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

// TestLogIsPrintable: of both formats, and of JSON that it decodes to what was said.
func TestLogIsPrintable(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		l := newLogger(config.Log{Level: slog.LevelInfo, Format: format}, &out)
		l.Error(nasty, "error", errors.New("\u009b\u202e").Error())
		l.finish()
		if bad := acts(out.String()); bad != "" || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %q in %q", format, bad, out.String())
		}
		if format != "json" {
			continue
		}
		var line struct{ Error string }
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Error != "\u009b\u202e" {
			t.Errorf("%q, %v", line.Error, err)
		}
	}
}
