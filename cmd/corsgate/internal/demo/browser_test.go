package demo

import (
	"regexp"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/browser"
)

// TestBrowser loads both pages in a real browser. What it decides about each call must be what the
// calls say, and what this package makes of the standard.
func TestBrowser(t *testing.T) {
	b := browser.Find(t)
	d := start(t)
	t.Run("allowed", func(t *testing.T) {
		rows := verdicts(t, b, d.Allowed)
		for _, c := range calls() {
			want := "refused"
			if c.Status != 0 {
				want = itoa(c.Status)
			}
			rows.check(t, c, want)
		}
	})
	t.Run("denied", func(t *testing.T) {
		rows := verdicts(t, b, d.Denied)
		for _, c := range calls() {
			rows.check(t, c, "refused")
		}
	})
}

// rows are the attributes of the page's calls, by ID.
type rows map[string]string

var callTag = regexp.MustCompile(`<details class="call[^>]*data-call="([^"]*)"[^>]*>`)

// verdicts loads a page and returns what it found out.
func verdicts(t *testing.T, b browser.Browser, origin string) rows {
	t.Helper()
	// Virtual time stands still while a request is under way, so this bounds nothing but timers.
	dom := b.Load(t, origin+"/", "--virtual-time-budget=20000")
	if !strings.Contains(dom, `data-done="true"`) {
		t.Fatalf("the page of %s did not finish:\n%s", origin, dom)
	}
	found := rows{}
	for _, m := range callTag.FindAllStringSubmatch(dom, -1) {
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
