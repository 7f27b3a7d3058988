package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFleetFatalRevision: a revision that ended a gateway is not tried again by the next process, which serves what was in
// force before, says so, and takes the next revision.
func TestFleetFatalRevision(t *testing.T) {
	f := newFleetOf(t, 1)
	f.push(saysHere("one"), 0, "revision 1 is live")
	f.start("a").stop()
	mark := filepath.Join(f.dir, "a", "state", "fleet.a.toml.trying")
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("there is a mark of what was in force: %v", err)
	}
	f.push(saysHere("two"), 0, "revision 2 is live")
	live, err := f.store().Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mark, fmt.Appendf(nil, "%d %s %d\n", live.Number, live.Sum, 99999999), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the mark outlives the first start
		a := f.start("a")
		until(t, "the gateway serves what is kept", func() bool { return a.says("one") })
		a.want("GET", a.admin+"/status", 200, "this gateway stopped while it tried this revision")
		until(t, "the fleet is told", func() bool {
			status, stdout, _ := f.ask("status")
			return status == 1 && strings.Contains(stdout, "not 2") && strings.Contains(stdout, "push a newer revision")
		})
		a.stop()
	}
	a := f.start("a")
	f.push(saysHere("three"), 0, "revision 3 is live")
	until(t, "the newer one is in force", func() bool { return a.says("three") })
	until(t, "status is well", func() bool { status, _, _ := f.ask("status"); return status == 0 })
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("there is a mark still: %v", err)
	}
	a.stop()
}
