package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/report"
	"github.com/google/go-cmp/cmp"
)

func TestCheckJSON(t *testing.T) {
	f := func(path string, status int, want report.Report) {
		t.Helper()
		got, stdout, stderr := command("check", "--format", "json", "-c", path)
		if got != status || stderr != "" {
			t.Errorf("%s: status %d, stderr %q, want %d", path, got, stderr, status)
		}
		var r report.Report
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatal(err)
		}
		for _, list := range [][]report.Finding{r.Problems, r.Warnings} {
			for i := range list {
				// What they say is for their own packages to test.
				list[i].Message, list[i].Hint = "", ""
			}
		}
		want.File = path
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	none := []report.Finding{}
	path := write(t, valid)
	f(path, 0, report.Report{Valid: true, Routes: 1, Policies: 1, Upstreams: 1, Problems: none, Warnings: none})
	path = write(t, warned)
	f(path, 0, report.Report{Valid: true, Routes: 1, Policies: 1, Problems: none,
		Warnings: []report.Finding{{File: path, Line: 2, Key: "cors.app.origins"}}})
	path = write(t, invalid)
	f(path, 2, report.Report{Routes: 1, Policies: 1, Warnings: none, Problems: []report.Finding{
		{File: path, Line: 2, Key: "timeouts.header"}, {File: path, Line: 4, Key: "cors.app.origins"}}})
	path = write(t, "[")
	f(path, 2, report.Report{Problems: []report.Finding{{File: path, Line: 1}}, Warnings: none})
	f("nowhere.toml", 2, report.Report{Problems: []report.Finding{{File: "nowhere.toml"}}, Warnings: none})
}

// The text has problems and warnings in one order.
func TestCheckOrder(t *testing.T) {
	path := write(t, strings.Replace(invalid, `["https://A.example"]`, `["https://b.example", "https://b.example", "x"]`, 1))
	_, _, stderr := command("check", "-c", path)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], path+":2: ") || !strings.HasPrefix(lines[2], path+":4: ") ||
		strings.Count(stderr, ": warning: ") != 1 {
		t.Errorf("stderr:\n%s", stderr)
	}
}

// What is wrong with a file of origins comes after what is wrong with the configuration, with the lines of that file. Its
// name is relative to the configuration.
func TestCheckOriginsFile(t *testing.T) {
	path := write(t, "[cors.app]\norigins_file = \"list/origins.txt\"\nmax_age = \"48h\"\n[route.r]\ncors = \"app\"\nrespond = {}\n")
	list := filepath.Join(filepath.Dir(path), "list", "origins.txt")
	f := func(text string, status int, want ...string) {
		t.Helper()
		rewrite(t, list, text)
		got, stdout, stderr := command("check", "-c", path)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		if got != status || len(lines) != len(want) {
			t.Fatalf("status %d, want %d\n%s%s", got, status, stdout, stderr)
		}
		for i, line := range lines {
			if !strings.HasPrefix(line, want[i]) {
				t.Errorf("%s, want %s", line, want[i])
			}
		}
	}
	if status, _, stderr := command("check", "-c", path); status != 2 || !strings.HasPrefix(stderr, path+":2: cors.app.origins_file: cannot read "+list+": no such file") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if err := os.Mkdir(filepath.Dir(list), 0o700); err != nil {
		t.Fatal(err)
	}
	f("# none\n", 2, path+":2: cors.app.origins_file: "+list+" holds no pattern")
	f("https://a.example\n\n# b\nhttps://B.example\nhttps://a.example", 2, path+":3: cors.app.max_age: 48h0m0s is more than",
		list+`:4: pattern "https://B.example": upper-case`, list+`:5: warning: "https://a.example" is already listed, at `+list+":1")
}
