package fleet

import (
	"testing"
	"time"
)

// TestJump: a share has jumped when it is above both what the node had before and what the others have now.
func TestJump(t *testing.T) {
	f := func(b Thresholds, before, since, others Counts, want string) {
		t.Helper()
		if got := b.regression(before, since, others); got != want {
			t.Errorf("jump(%v, %v, %v) = %q, want %q", before, since, others, got, want)
		}
	}
	none := Counts{}
	const refused, failed = "6.0 % of 1000 requests are refused by their policy, where 0.0 % are usual", "3.0 % of 1000 requests are answered with 5xx, where 0.0 % are usual"
	// Nothing to compare with.
	f(Thresholds{}, none, none, none, "")
	f(Thresholds{}, none, Counts{99, 99, 99}, none, "")
	f(Thresholds{}, none, Counts{1000, 50, 20}, none, "")
	f(Thresholds{}, none, Counts{1000, 60, 0}, none, refused)
	f(Thresholds{}, none, Counts{1000, 0, 30}, none, failed)
	f(Thresholds{}, none, Counts{1000, 60, 30}, none, refused)
	// It was so before, or it is so elsewhere; of few requests neither is believed.
	f(Thresholds{}, Counts{1000, 10, 0}, Counts{1000, 60, 0}, none, "")
	f(Thresholds{}, none, Counts{1000, 60, 0}, Counts{1000, 10, 0}, "")
	f(Thresholds{}, Counts{99, 1, 0}, Counts{1000, 60, 0}, Counts{99, 1, 0}, refused)
	f(Thresholds{}, Counts{1000, 10, 0}, Counts{1000, 500, 0}, Counts{1000, 20, 0},
		"50.0 % of 1000 requests are refused by their policy, where 2.0 % are usual")
	// Chance: of 100 requests of which half are usually refused, 64 may be.
	f(Thresholds{}, Counts{1000, 500, 0}, Counts{100, 64, 0}, none, "")
	f(Thresholds{}, Counts{1000, 500, 0}, Counts{100, 66, 0}, none, "66.0 % of 100 requests are refused by their policy, where 50.0 % are usual")
	f(Thresholds{}, Counts{1000, 500, 0}, Counts{10000, 5600, 0}, none, "56.0 % of 10000 requests are refused by their policy, where 50.0 % are usual")
	// A node may always fail.
	f(Thresholds{}, Counts{1000, 1000, 1000}, Counts{1000, 1000, 1000}, none, "")
	// What is asked for.
	f(Thresholds{Requests: 10}, none, Counts{10, 5, 0}, none, "50.0 % of 10 requests are refused by their policy, where 0.0 % are usual")
	f(Thresholds{Refused: 0.5, Failed: 0.5}, none, Counts{1000, 500, 500}, none, "")
	f(Thresholds{Refused: 0.5, Failed: 0.001}, none, Counts{1000, 500, 2}, none, "0.2 % of 1000 requests are answered with 5xx, where 0.0 % are usual")
}

// TestHistory: what counts before a change is of five minutes at most.
func TestHistory(t *testing.T) {
	var h history
	start := time.Unix(1_000_000, 0)
	for second := range 3600 {
		h.add(start.Add(time.Duration(second)*time.Second), Counts{Requests: uint64(second)})
	}
	if n := len(h.samples); n > 32 {
		t.Errorf("%d samples", n)
	}
	at := start.Add(time.Hour)
	h.change(at, Counts{Requests: 3600})
	if got := h.before.Requests; got < 290 || got > 320 {
		t.Errorf("%d requests before the change, want those of 5 min", got)
	}
	h.add(at.Add(20*time.Second), Counts{Requests: 3700})
	h.change(at.Add(30*time.Second), Counts{Requests: 3800})
	if h.before.Requests != 200 || h.mark.Requests != 3800 {
		t.Errorf("before a second change %d, and from %d", h.before.Requests, h.mark.Requests)
	}
	var first history
	first.change(at, Counts{Requests: 7})
	if first.before.Requests != 7 {
		t.Errorf("before a first change %d, want all", first.before.Requests)
	}
	if got := (Counts{5, 0, 0}).minus(Counts{7, 0, 0}); got.Requests != 5 {
		t.Errorf("after a new beginning %d requests, want 5", got.Requests)
	}
}
