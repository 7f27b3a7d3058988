// Package tooltest finds the programs and system features that tests need besides Go.
package tooltest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// directories are where programs are: on PATH, and where only root's PATH leads.
var directories = []string{"", "/usr/sbin/", "/sbin/"}

// Find returns the path of the first of some programs that there is. Without any it calls [Missing].
func Find(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, dir := range directories {
			if path, err := exec.LookPath(dir + name); err == nil {
				return path
			}
		}
	}
	Missing(t, "there is no %s", strings.Join(names, ", nor "))
	return ""
}

// Missing skips t because of what is not there. With CORSGATE_NO_SKIP=1 in the environment it fails t: .ci/run, which
// sets that, installs all that is needed, and a test that is always skipped shows nothing.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if os.Getenv("CORSGATE_NO_SKIP") == "1" {
		t.Fatalf("%s, and CORSGATE_NO_SKIP=1 is set", why)
	}
	t.Skip(why)
}
