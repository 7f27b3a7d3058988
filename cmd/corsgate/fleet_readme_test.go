//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadmeFleet runs what the README shows of a fleet, against etcd and two gateways.
func TestReadmeFleet(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Many gateways, one configuration\n")
	section, _, _ = strings.Cut(section, "\n## ")
	shared := regexp.MustCompile("(?s)```toml\n(.*?)```").FindStringSubmatch(string(text))
	session := regexp.MustCompile("(?s)```console\n(.*?)```").FindStringSubmatch(section)
	if shared == nil || session == nil {
		t.Fatal("the README has no such section, or no file")
	}
	f := newFleetOf(t, 1)
	for _, name := range []string{"gate-1", "gate-2"} {
		c := begin(t, f.own(name, ""))
		defer c.stop()
		c.await("waiting for a first revision: until then this gateway is not ready and serves only the admin listener")
	}
	dir := filepath.Dir(f.own("pusher", ""))
	rewrite(t, filepath.Join(dir, "shared.toml"), shared[1])
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec %q \"$@\"\n", asCorsgate, os.Args[0])
	if err := os.WriteFile(filepath.Join(dir, "corsgate"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	commands := strings.Split("\n"+session[1], "\n$ ")[1:]
	for _, part := range commands {
		command, want, _ := strings.Cut(part, "\n")
		c := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "10s", "1s", 1))
		c.Dir, c.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		got, err := c.CombinedOutput()
		if d := cmp.Diff(plainSession(want), plainSession(string(got))); d != "" || err != nil {
			t.Errorf("$ %s: %v\n(-README +got):\n%s\nas it is:\n%s", command, err, d, got)
		}
		until(t, "both gateways run what is live", func() bool {
			status, out, _ := f.ask("status")
			return status == 0 && strings.Count(out, "\ngate-") == 2
		})
	}
	if len(commands) < 4 {
		t.Errorf("there are only %d commands", len(commands))
	}
}

// plainSession hides what differs from run to run: times, addresses, counts, versions, who and where.
func plainSession(s string) string {
	s = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \S+@\S+`).ReplaceAllString(s, "TIME  WHO")
	s = regexp.MustCompile(`(?m)^(gate-\d)\s+\S+\s+(\d+)\s+(\w+)\s.*$`).ReplaceAllString(s, "$1 $2 $3")
	s = regexp.MustCompile(`holding for \d+s`).ReplaceAllString(s, "holding")
	return regexp.MustCompile(` +`).ReplaceAllString(strings.TrimSpace(s), " ")
}
