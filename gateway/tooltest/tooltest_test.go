package tooltest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A listener is a test that notes how it ends.
type listener struct {
	testing.TB
	skipped, failed string
}

func (l *listener) Helper() {}

func (l *listener) Skip(args ...any) { l.skipped = fmt.Sprint(args...) }

func (l *listener) Fatalf(format string, args ...any) {
	l.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestFind: the first that there is; a test without any skips, or fails where none may.
func TestFind(t *testing.T) {
	path := tooltest.Find(t, "there-is-none-of-this-name", "sh", "go")
	if !filepath.IsAbs(path) || filepath.Base(path) != "sh" {
		t.Errorf("found %q, want sh", path)
	}
	for value, fails := range map[string]bool{"": false, "0": false, "1": true} {
		t.Setenv("CORSGATE_NO_SKIP", value)
		l := &listener{TB: t}
		var ended sync.WaitGroup
		ended.Go(func() { tooltest.Find(l, "no-such-a", "no-such-b") })
		ended.Wait()
		const want = "there is no no-such-a, nor no-such-b"
		if (l.failed != "") != fails || (l.skipped != "") == fails || !strings.HasPrefix(l.skipped+l.failed, want) {
			t.Errorf("CORSGATE_NO_SKIP=%q: skips %q, fails %q, want %q", value, l.skipped, l.failed, want)
		}
	}
}

// TestDouble: a program that was built, and an error that says what go says.
func TestDouble(t *testing.T) {
	path, err := tooltest.Double("miniredis")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("Double(miniredis) = %q, which is no program: %v, %v", path, info, err)
	}
	if path, err := tooltest.Double("no-such"); err == nil || !strings.Contains(err.Error(), `no such tool "no-such"`) {
		t.Errorf("Double(no-such) = %q, %v, want go's error", path, err)
	}
}
