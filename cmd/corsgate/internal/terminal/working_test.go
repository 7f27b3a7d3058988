package terminal

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRemind: nothing in the first second, then ever more rarely, and nothing after the end.
func TestRemind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		f := func(lasts time.Duration, want string) {
			t.Helper()
			b.Reset()
			stop := remind(&b, func() string { return "at it" })
			time.Sleep(lasts)
			stop()
			time.Sleep(time.Hour)
			if b.String() != want {
				t.Errorf("%v: %q, want %q", lasts, b.String(), want)
			}
		}
		f(999*time.Millisecond, "")
		f(1500*time.Millisecond, "corsgate: still at it after 1s\n")
		f(4001*time.Millisecond, "corsgate: still at it after 1s\ncorsgate: still at it after 2s\ncorsgate: still at it after 4s\n")
		stop := Working(&b, func() string { t.Error("somebody watches what is no terminal"); return "" })
		time.Sleep(time.Hour)
		stop()
	})
}
