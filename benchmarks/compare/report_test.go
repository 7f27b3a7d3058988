//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// example is a report with every kind of thing in it.
func example() Report {
	run := func(cpu, p99 float64) Run {
		return Run{CPU: cpu, Rate: 1000, Memory: 10 << 20, LoadResult: LoadResult{Done: 1000, P50: 100, P99: p99, P999: 2 * p99}}
	}
	s := plan(quickScale())
	faulty := run(9, 900)
	faulty.Bad, faulty.Other = 7, 0.5
	connections := Result{Scenario: s[0], Rows: []Row{
		{"corsgate", 64, []Run{run(8, 700), run(12, 700), run(8, 700)}}, {"nginx", 64, []Run{run(10, 800), run(10, 800), run(16, 800)}},
		{"corsgate", 512, []Run{run(30, 700)}}, {"nginx", 512, []Run{run(10, 700)}}, {"Caddy", 512, []Run{faulty}},
	}, Absent: []Absence{{"HAProxy", 64, "<was not> ready"}, {"HAProxy", 512, "<was not> ready"}}}
	cached := Result{Scenario: Scenario{Name: "cache-keys", Title: "Cached", Axis: "keys", Plots: []Metric{CPU}},
		Rows: []Row{{"cached", 1, []Run{{CPU: 0.1}}}, {"computed", 1, []Run{{CPU: 0.3}}}}}
	return Report{Began: time.Unix(1e9, 0).UTC(), Took: time.Minute, Command: "go run x", Commit: "abc", Quick: true,
		Machine: Machine{CPU: "a CPU"}, Gateways: []Version{{"nginx", "nginx/1.2", "nginx -c x"}}, Results: []Result{connections, cached},
		Libraries: parseLibraries(benchOutput)}
}

const benchOutput = `goos: linux
BenchmarkDecision/origins=1/request=preflight-allowed/library=corsgate-2   1000   90.0 ns/op   0 B/op   0 allocs/op
BenchmarkDecision/origins=1/request=preflight-allowed/library=rs-2         1000   400 ns/op   16 B/op   1 allocs/op
BenchmarkDecision/origins=1/request=preflight-allowed/library=rs-2         1000   300 ns/op   16 B/op   1 allocs/op
BenchmarkDecision/origins=1/request=preflight-allowed/library=rs-2         1000   350 ns/op   16 B/op   1 allocs/op
BenchmarkOrigin/origins=1/request=denied/library=map                       1000   10 ns/op
PASS
`

// TestHeadline: the picture is a file of its own, with its colours and its legend.
func TestHeadline(t *testing.T) {
	r := example()
	if _, err := r.headline(headlines[0]); err == nil {
		t.Error("a picture of what was not measured")
	}
	r.Results[0].Name = headlines[0]
	picture, err := r.headline(headlines[0])
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		XMLName xml.Name
		Text    []string `xml:"text"`
	}
	if err := xml.Unmarshal([]byte(picture), &root); err != nil || root.XMLName.Local != "svg" {
		t.Fatalf("%v in %.300s", err, picture)
	}
	for _, want := range []string{"corsgate", "nginx", "Caddy"} {
		if !slices.Contains(root.Text, want) {
			t.Errorf("the legend lacks %s: %q", want, root.Text)
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", "--s0: #", "var(--s0)"} {
		if !strings.Contains(picture, want) {
			t.Errorf("it lacks %q", want)
		}
	}
}

func TestPage(t *testing.T) {
	var b strings.Builder
	if err := example().page(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"a CPU", "nginx/1.2", "nginx -c x", "go run x", "Preflights, by connections", "HAProxy at 64, 512 connections: &lt;was not&gt; ready",
		"prefers-color-scheme: dark", "Decision, 1 origins", "7 errors", "corsgate.toml", "location / {", "Not a quiet machine"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(page, "<svg "); n != 3 {
		t.Errorf("the page has %d plots, want 3", n)
	}
	// One file that refers to nothing: whatever could load something is absent.
	for _, pattern := range []string{`(?i)<(script|link|img|iframe|object|embed|base)\b`, `(?i)\b(src|href)\s*=`, `(?i)@import|url\(`, `(?i)#fedc`} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page holds %q", found)
		}
	}
}

func TestRatio(t *testing.T) {
	r := example().Results[0]
	// 8/10, 12/10 and 8/16: the median of the rounds' ratios, which is not the ratio of the medians.
	if got := r.row("corsgate", 64).ratio(CPU, r.row("nginx", 64)); got != 0.8 {
		t.Errorf("ratio = %g, want 0.8", got)
	}
	if got := r.row("corsgate", 64).ratio(CPU, nil); got != 0 {
		t.Errorf("ratio to nothing = %g, want 0", got)
	}
	f := func(want float64, list ...float64) {
		t.Helper()
		if got := median(list); got != want {
			t.Errorf("median = %g, want %g", got, want)
		}
	}
	f(1, 1)
	f(1.5, 2, 1)
	f(2, 3, 1, 2)
}

func TestFindings(t *testing.T) {
	text := strings.Join(example().findings(), "\n")
	for _, want := range []string{"behind at 1: preflight 512 (3.33 × Caddy)", "ahead at 1 (0.80 to 0.80", "saves 200 ns at 1 (100 cached, 300 computed)", "at worst 50 %"} {
		if !strings.Contains(text, want) {
			t.Errorf("the findings lack %q:\n%s", want, text)
		}
	}
}

func TestLibraries(t *testing.T) {
	got := librariesMarkdown(parseLibraries(benchOutput))
	for _, want := range []string{"| request | corsgate | rs | map |", "| preflight-allowed | 90.0 (0) | 350 (1) | – |", "| denied | – | – | 10.0 |"} {
		if !strings.Contains(got, want) {
			t.Errorf("the tables lack %q:\n%s", want, got)
		}
	}
}

// -from makes all of a report again from its raw figures.
func TestFrom(t *testing.T) {
	dir := t.TempDir()
	raw, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	from, readme, libraries := filepath.Join(dir, "raw.json"), filepath.Join(dir, "README.md"), filepath.Join(dir, "libraries.txt")
	results := filepath.Join(dir, "results.md")
	const marks = "<!-- compare begin -->\n<!-- compare end -->\n"
	for path, text := range map[string]string{from: string(raw), libraries: benchOutput,
		readme: marks, results: marks + "<!-- libraries begin -->\n<!-- libraries end -->\n"} {
		if err := writeFile(path, text); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	args := []string{"-from", from, "-libraries", libraries, "-readme", readme, "-out", filepath.Join(dir, "out")}
	if err := run(t.Context(), args, nil, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for path, parts := range map[string][]string{
		readme:  {"Made by `go run x` at abc", "CPU µs per request"},
		results: {"| corsgate | 8.00 | 0.80 |", "HAProxy at 64, 512 connections: <was not> ready", "| preflight-allowed | 90.0 (0) |"},
	} {
		for _, want := range parts {
			if !strings.Contains(readFile(t, path), want) {
				t.Errorf("%s lacks %q:\n%s", path, want, readFile(t, path))
			}
		}
	}
	var again Report
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(dir, "out", "report.json"))), &again); err != nil {
		t.Fatal(err)
	}
	if got, want := again.markdown(), example().markdown(); got != want {
		t.Errorf("through JSON the report became\n%s\nwant\n%s", got, want)
	}
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{{"-only", "preflights"}, {"quick"}, {"-from", "nowhere.json"}, {"-child", "load"}} {
		if err := run(t.Context(), args, strings.NewReader("{"), io.Discard, io.Discard); err == nil {
			t.Errorf("%v is no error", args)
		}
	}
}

func TestFigure(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := figure(v); got != want {
			t.Errorf("figure(%g) = %q, want %q", v, got, want)
		}
	}
	f(0, "0")
	f(0.0123, "0.012")
	f(0.5, "0.50")
	f(12.34, "12.3")
	f(123.4, "123")
	f(143833, "143 833")
	f(1843833, "1 843 833")
}
