package fleetcmd

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/printabletest"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// TestPrintable: a node and an author choose some of this text, and cannot forge a line of it.
func TestPrintable(t *testing.T) {
	revision := fleet.Revision{Number: 7, Author: printabletest.Nasty, Message: printabletest.Nasty, Time: time.Unix(0, 0)}
	s := status{Live: 7, revision: revision,
		Rollout: &fleet.Rollout{Candidate: 8, Nodes: []string{printabletest.Nasty}, Author: printabletest.Nasty},
		Nodes:   []fleet.Node{{Name: printabletest.Nasty, Address: printabletest.Nasty, Version: printabletest.Nasty, Error: printabletest.Nasty}}}
	var out bytes.Buffer
	s.print(&out, time.Unix(0, 0))
	printEvent(&out, fleet.Event{Kind: fleet.EventBegun, Nodes: []string{printabletest.Nasty}}, 0)
	printEvent(&out, fleet.Event{Kind: fleet.EventApplied, Node: printabletest.Nasty}, 0)
	for _, r := range []fleet.Revision{revision, {Unusable: printabletest.Nasty}} {
		out.WriteString(revisionLine(r) + "\n")
	}
	for _, err := range []error{&fleet.StoppedError{Node: printabletest.Nasty, Reason: printabletest.Nasty}, &fleet.UnusableError{Key: printabletest.Nasty, Reason: printabletest.Nasty}} {
		out.WriteString(err.Error() + "\n")
	}
	if bad := printabletest.Obeyed(out.String()); bad != "" {
		t.Errorf("%q in\n%q", bad, out.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "forged") {
			t.Errorf("a forged line in\n%s", out.String())
		}
	}
}
