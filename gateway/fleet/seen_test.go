package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
)

// TestSeen: each node's last word on what it has seen is there for everybody.
func TestSeen(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	for _, w := range [][2]string{{"a", "old"}, {"b/c", "else"}, {"a", "new"}} {
		if err := s.See(t.Context(), w[0], w[1]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Seen(t.Context())
	if err != nil || !slices.Equal(got, []string{"new", "else"}) {
		t.Errorf("Seen: %q, %v", got, err)
	}
	if nodes, err := s.Nodes(t.Context()); err != nil || len(nodes) > 0 {
		t.Errorf("who has seen something is not alive for that: %v, %v", nodes, err)
	}
}

// TestSeenSample: of a large fleet the first nodes by name say what they have seen.
func TestSeenSample(t *testing.T) {
	s := open(t, etcdtest.Start(t, etcdtest.Options{}).Endpoints()...)
	for _, i := range rand.Perm(150) {
		if err := s.See(t.Context(), fmt.Sprintf("edge%03d", i), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for i := range 64 {
		want = append(want, fmt.Sprint(i))
	}
	if got, err := s.Seen(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("Seen: %q, %v", got, err)
	}
}
