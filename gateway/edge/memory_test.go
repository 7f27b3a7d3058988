package edge

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestExcess: more than a quarter of the limit is too much, and what is more than a fifth is to go then.
func TestExcess(t *testing.T) {
	for _, v := range []struct {
		held  []int
		limit int64
		want  int64
	}{
		{nil, 0, 0},
		{nil, 1000, 0},
		{[]int{250}, 1000, 0},
		{[]int{200, 51}, 1000, 51},
		{[]int{1, 2, 4, 8, 16, 1000}, 1000, 831},
		{[]int{1 << 50, 1 << 50}, math.MaxInt64, 0},
	} {
		var h Held
		for _, n := range v.held {
			h.Add(n)
		}
		if got := h.excess(v.limit); got != v.want {
			t.Errorf("%v held of %d: %d too much, want %d", v.held, v.limit, got, v.want)
		}
	}
}

// TestHeld: those end that hold most, as many as it takes, but for those within a factor of two.
func TestHeld(t *testing.T) {
	for range 1000 {
		var h Held
		var all []int
		total := 0
		for range rand.IntN(50) {
			n := 1 + rand.IntN(1<<rand.IntN(20))
			all, total = append(all, n), total+n
			h.Add(n)
		}
		h.Add(0)
		want := 1 + rand.IntN(1<<20)
		least := h.least(int64(want))
		slices.Sort(all)
		slices.Reverse(all)
		need, sum := 0, 0 // the least of those that are to end, by a twin
		for _, n := range all {
			if need = n; sum+n >= want {
				break
			}
			sum += n
		}
		if total >= want && len(all) > 0 && (least > need || need >= 2*least) {
			t.Fatalf("%v, %d wanted: those of %d and more, want %d or up to half of it", all, want, least, need)
		}
		if total < want && least != 1 {
			t.Fatalf("%v, %d wanted: those of %d and more, want all", all, want, least)
		}
	}
}
