package demo

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestBrowser loads both pages in a real browser. What it decides about each call must be what the
// calls say, and what this package makes of the standard.
func TestBrowser(t *testing.T) {
	browser := findBrowser(t)
	d := start(t)
	t.Run("allowed", func(t *testing.T) {
		rows := verdicts(t, browser, d.Allowed)
		for _, c := range calls() {
			want := "refused"
			if c.Status != 0 {
				want = itoa(c.Status)
			}
			rows.check(t, c, want)
		}
	})
	t.Run("denied", func(t *testing.T) {
		rows := verdicts(t, browser, d.Denied)
		for _, c := range calls() {
			rows.check(t, c, "refused")
		}
	})
}

func findBrowser(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const why = "no browser on PATH: looked for "
	if os.Getenv("CORSGATE_NO_SKIP") == "1" {
		t.Fatal(why + strings.Join(names, ", "))
	}
	t.Skip(why + strings.Join(names, ", "))
	return ""
}

// rows are the attributes of the page's calls, by ID.
type rows map[string]string

var callTag = regexp.MustCompile(`<details class="call[^>]*data-call="([^"]*)"[^>]*>`)

// verdicts loads a page and returns what it found out.
func verdicts(t *testing.T, browser, origin string) rows {
	t.Helper()
	// Not t.TempDir: a browser's helpers may still write to it when the browser has ended, and that
	// would fail the test.
	profile, err := os.MkdirTemp("", "corsgate-demo")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(profile)
	c := exec.CommandContext(t.Context(), browser,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+profile,
		// Virtual time stands still while a request is under way, so this bounds nothing but timers.
		"--virtual-time-budget=20000", "--dump-dom", origin+"/")
	var complaints strings.Builder
	c.Stderr = &complaints
	dom, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", browser, err, complaints.String())
	}
	if !strings.Contains(string(dom), `data-done="true"`) {
		t.Fatalf("the page of %s did not finish:\n%s\n%s", origin, dom, complaints.String())
	}
	found := rows{}
	for _, m := range callTag.FindAllStringSubmatch(string(dom), -1) {
		found[m[1]] = m[0]
	}
	if len(found) != len(calls()) {
		t.Errorf("%s shows %d calls, want %d", origin, len(found), len(calls()))
	}
	return found
}

func (r rows) check(t *testing.T, c Call, verdict string) {
	t.Helper()
	for _, attribute := range []string{`data-verdict="` + verdict + `"`, `data-expected="true"`, `data-agreed="true"`} {
		if !strings.Contains(r[c.ID], attribute) {
			t.Errorf("%s: %s, want %s", c.ID, r[c.ID], attribute)
		}
	}
}
