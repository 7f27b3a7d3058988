// Package browser loads pages in a real browser, for tests. Its own tests are the gateway's
// end-to-end tests: Chromium's verdict on the responses must be the expected one, and equal to
// [gateway.Explain]'s.
//
// The browser is a command that loads one page, prints its document and ends: it needs only
// Chromium, no remote control, and leaves no process behind. A library for the DevTools
// protocol (chromedp) is not needed: a page can make all requests that CORS is about by itself,
// report the results to its own server, navigate to a page of another origin, and delay its
// load event until it has finished.
package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A Browser is the path of a Chromium, or of a browser that takes its flags.
type Browser string

// patience bounds what Load takes. It is never waited for in a test that passes.
const patience = 2 * time.Minute

// Find finds a browser, or else skips t, or fails it; see [tooltest.Find].
func Find(t testing.TB) Browser {
	t.Helper()
	return Browser(tooltest.Find(t, "chromium", "chromium-browser", "google-chrome"))
}

// Load loads url with a fresh profile and further flags. It returns the document as it is at
// the page's load event, or with --virtual-time-budget when that has passed. If that takes too
// long it fails t with what the browser has to say.
func (b Browser) Load(t testing.TB, url string, flags ...string) string {
	t.Helper()
	// Not t.TempDir: a browser's helpers may still write to it when the browser has ended, and that
	// would fail the test.
	profile, err := os.MkdirTemp("", "corsgate-browser")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(profile)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, string(b), "--headless", "--no-sandbox", "--disable-gpu",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-crash-reporter", "--disable-breakpad", "--no-proxy-server", "--user-data-dir="+profile)
	if !slices.Contains(flags, "--enable-quic") {
		c.Args = append(c.Args, "--disable-quic")
	}
	c.Args = append(append(c.Args, flags...), "--dump-dom", url)
	c.WaitDelay = time.Second // its helpers have its output, too
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) { // a helper that lingers has nothing to add to the document
		t.Fatalf("%s: %v\n%s", b, err, withoutBus(errs.String()))
	}
	return string(out)
}

// withoutBus drops what Chromium says, at length, of the desktop bus that it does not find.
func withoutBus(complaints string) string {
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(complaints, "\n"), func(line string) bool {
		return strings.Contains(line, "dbus")
	}), "")
}
