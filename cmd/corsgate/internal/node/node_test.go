package node

import (
	"errors"
	"testing"

	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/fleet"
)

// A stub is a process that notes the revisions it has put in force.
type stub struct {
	taken  []int64
	ending error
}

func (s *stub) Take(r fleet.Revision) error {
	if s.ending != nil {
		return s.ending
	}
	s.taken = append(s.taken, r.Number)
	return nil
}

func (s *stub) Ending() error { return s.ending }

func (s *stub) Ready() bool { return s.ending == nil }

func (s *stub) Status() admin.Status { return admin.Status{} }

// TestTakeWhileStopping: a process that is stopping takes over no revision, not even the one that is in force there already: after
// a trial the fleet asks each gateway for the same revision again, as a live one.
func TestTakeWhileStopping(t *testing.T) {
	process := &stub{}
	n := &Node{process: process}
	take := func(number int64, trial bool, want error) {
		t.Helper()
		if err := n.take(fleet.Revision{Number: number, Sum: "sum", Trial: trial}); !errors.Is(err, want) {
			t.Errorf("revision %d, trial %t: %v, want %v", number, trial, err, want)
		}
	}
	take(3, true, nil)
	take(3, false, nil)
	if n.revision.Trial || len(process.taken) != 1 {
		t.Errorf("in force: %+v, put in force: %v; want a live revision, put in force once", n.revision, process.taken)
	}
	process.ending = Ending{errors.New("stopping")}
	take(3, false, process.ending)
	take(3, true, process.ending)
	take(4, false, process.ending)
	if n.revision.Number != 3 || n.revision.Trial || n.failure != nil || len(process.taken) != 1 {
		t.Errorf("in force: %+v, put in force: %v, failure: %v; want that nothing has changed", n.revision, process.taken, n.failure)
	}
}
