package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
	"github.com/google/go-cmp/cmp"
)

// TestPush: what is pushed is live and stays in the log, and only who knows what is live may push.
func TestPush(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	if _, err := s.Live(t.Context()); !errors.Is(err, fleet.ErrEmpty) {
		t.Errorf("Live of an empty fleet: %v, want ErrEmpty", err)
	}
	if all, err := s.Log(t.Context(), 10); err != nil || len(all) > 0 {
		t.Errorf("Log of an empty fleet: %v, %v", all, err)
	}
	if _, err := s.Push(t.Context(), fleet.Revision{Text: "x"}, 1); !errors.Is(err, fleet.ErrMoved) {
		t.Errorf("Push onto a revision that is not: %v, want ErrMoved", err)
	}
	for i := range int64(40) {
		if got := push(t, s, fmt.Sprintf("text %d", i+1), i); got != i+1 {
			t.Fatalf("revision %d, want %d", got, i+1)
		}
	}
	for base, want := range map[int64]string{39: "revision 40 is live, not revision 39", 0: "revision 40 is live, not nothing"} {
		_, err := s.Push(t.Context(), fleet.Revision{Text: "late"}, base)
		if !errors.Is(err, fleet.ErrMoved) || !strings.Contains(err.Error(), want) {
			t.Errorf("Push onto %d: %v, want ErrMoved with %q", base, err, want)
		}
	}
	live, err := s.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := fleet.Revision{Number: 40, Parent: 39, Text: "text 40", Author: "ann", Message: "because of text 40", Time: live.Time,
		Sum: "cf6e0d515cd6278707cd0454ae2cfa547c9c2f23445fccdf127d61291a777888"}
	if diff := cmp.Diff(want, live); diff != "" || time.Since(live.Time) > time.Minute {
		t.Errorf("Live (-want +got):\n%s", diff)
	}
	for _, limit := range []int{0, 1, 7, 16, 17, 40, 100} {
		all, err := s.Log(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for i := 40; i > max(0, 40-limit); i-- {
			want = append(want, fmt.Sprintf("%d onto %d: text %d false", i, i-1, i))
		}
		for _, r := range all {
			got = append(got, fmt.Sprintf("%d onto %d: %s %t", r.Number, r.Parent, r.Text, r.Dropped))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Log(%d) (-want +got):\n%s", limit, diff)
		}
	}
	if _, err := s.Revision(t.Context(), 41); !errors.Is(err, fleet.ErrNone) {
		t.Errorf("Revision(41): %v, want ErrNone", err)
	}
	// To roll back is to push an old text.
	old, err := s.Revision(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := push(t, s, old.Text, 40); got != 41 {
		t.Errorf("rolled back to revision %d", got)
	}
}

// TestPushers: of twenty who push at the same time, each again and again, none overwrites another.
func TestPushers(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	const pushers, each = 20, 5
	var all sync.WaitGroup
	for i := range pushers {
		all.Go(func() {
			for done := 0; done < each; {
				base := int64(0)
				live, err := s.Live(context.Background())
				if err == nil {
					base = live.Number
				} else if !errors.Is(err, fleet.ErrEmpty) {
					t.Error(err)
					return
				}
				_, err = s.Push(context.Background(), fleet.Revision{Text: fmt.Sprintf("%s%d.%d ", live.Text, i, done)}, base)
				switch {
				case err == nil:
					done++
				case !errors.Is(err, fleet.ErrMoved):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	log, err := s.Log(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(log) != pushers*each {
		t.Fatalf("%d revisions, want %d", len(log), pushers*each)
	}
	for i, r := range log {
		if want := int64(len(log) - i); r.Number != want || r.Parent != want-1 || r.Dropped || len(strings.Fields(r.Text)) != int(want) {
			t.Errorf("revision %d onto %d, dropped %t, %d pushes in its text; want revision %d", r.Number, r.Parent, r.Dropped, len(strings.Fields(r.Text)), want)
		}
	}
}

// TestPushTooLarge: said before etcd is asked to take it.
func TestPushTooLarge(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	if _, err := s.Push(t.Context(), fleet.Revision{Text: strings.Repeat("x", 3<<19)}, 0); !errors.Is(err, fleet.ErrTooLarge) {
		t.Errorf("1.5 MiB: %v, want ErrTooLarge", err)
	}
	// What is said to fit does.
	r, err := s.Push(t.Context(), fleet.Revision{Text: strings.Repeat("x", 3<<19-5<<10)}, 0)
	if err != nil || r.Number != 1 {
		t.Errorf("1.5 MiB less 5 KiB: revision %d, %.200v", r.Number, err)
	}
}

// TestOpen: what is wrong with the options is said at once.
func TestOpen(t *testing.T) {
	f := func(o fleet.Options, want string) {
		t.Helper()
		s, err := fleet.Open(o)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || err.Error() != want {
			t.Errorf("Open(%+v) = %v, want %q", o, err, want)
		}
	}
	f(fleet.Options{Prefix: "/a/"}, "no endpoint of etcd")
	f(fleet.Options{Prefix: "/a", Endpoints: []string{"http://127.0.0.1:1"}}, `the prefix "/a" does not end with "/"`)
	f(fleet.Options{Prefix: "/a/", Endpoints: []string{"http://127.0.0.1:1"}, Username: "u"}, "a user name for etcd needs a password, and a password a user name")
}
