package fleet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
)

// TestUnusable: what is in etcd and is not what this corsgate writes is refused by every node, changes nothing, and is
// said; a push puts it right.
func TestUnusable(t *testing.T) {
	c := etcdtest.Start(t, etcdtest.Options{})
	s, e := open(t, c.Endpoints()...), client(t, c)
	a := join(t, s, "a")
	push(t, s, "one", 0)
	run(t, 1, a)
	const revisions, live = "/corsgate/test/revisions/000000000000000", "/corsgate/test/live"
	const sum = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed" // of "one"
	f := func(what, value, pointer, want string) {
		t.Helper()
		for _, put := range [][2]string{{revisions + "2", value}, {live, pointer}} { // in this order: nodes watch the second
			if _, err := e.Put(t.Context(), put[0], put[1]); err != nil {
				t.Fatal(err)
			}
		}
		reported(t, s, "a", what, func(n fleet.Node) bool { return n.Applied == 1 && strings.Contains(n.Error, want) })
	}
	const good = `{"format":1,"number":2,"sum":"` + sum + `"}`
	f("a wrong checksum", `{"format":1,"number":2,"text":"two","sum":"`+sum+`"}`, good, "is damaged: its text has the checksum 3fc4ccfe7458…, not 7692c3ad3540…")
	f("another text", `{"format":1,"number":2,"text":"two","sum":"3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"}`, good, "is not the one that went live")
	if log, err := s.Log(t.Context(), 10); err != nil || len(log) != 2 || log[1].Unusable != "" {
		t.Errorf("the log: %+v, %v", log, err)
	}
	f("a newer format", `{"format":2,"number":2,"text":"one","sum":"`+sum+`"}`, good, "has format 2, and this corsgate knows 1: update it")
	if live, err := s.Live(t.Context()); err == nil || live.Number != 2 || live.Text != "" {
		t.Errorf("Live: %+v, %v; want revision 2 by its number alone", live, err)
	}
	if log, err := s.Log(t.Context(), 10); err != nil || len(log) != 2 || log[0].Number != 2 || !strings.Contains(log[0].Unusable, "has format 2") || log[1].Number != 1 {
		t.Errorf("the log: %+v, %v; want revision 2 to say what is wrong", log, err)
	}
	f("another number", `{"format":1,"number":3,"text":"one","sum":"`+sum+`"}`, good, "says that it is revision 3")
	f("no JSON", `two`, good, "was not written by corsgate")
	f("no such revision", `x`, `{"format":1,"number":7,"sum":""}`, "revisions/0000000000000007 in etcd is not there")
	f("a newer live", `x`, `{"format":9}`, "has format 9")
	f("a live that is no JSON", `x`, ``, "was not written by corsgate")

	if _, err := s.Live(t.Context()); err == nil || errors.Is(err, fleet.ErrEmpty) {
		t.Errorf("Live: %v", err)
	}
	if _, err := e.Put(t.Context(), live, good); err != nil {
		t.Fatal(err)
	}
	push(t, s, "two", 2)
	run(t, 3, a)
	reported(t, s, "a", "no error", func(n fleet.Node) bool { return n.Applied == 3 && n.Error == "" })

	if _, err := e.Delete(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	reported(t, s, "a", "that nothing is live", func(n fleet.Node) bool {
		return n.Applied == 3 && n.Error == "no revision is live in etcd any more: continuing with revision 3"
	})
}
