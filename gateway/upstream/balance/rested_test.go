package balance

import (
	"fmt"
	"testing"
	"time"
)

// TestRested: of two that are equally busy for the same weight, the one that was used less recently. Both draws of two members
// are all of them, so nothing here is by chance.
func TestRested(t *testing.T) {
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	for _, by := range []Method{OfTwo, LeastInFlight} {
		for _, v := range []struct {
			what     string
			used     [2]int // 0: never
			inFlight []int
			want     int
		}{
			{"the first is older", [2]int{3, 5}, []int{0, 0}, 0},
			{"the second is older", [2]int{5, 3}, []int{0, 0}, 1},
			{"the second is new", [2]int{3, 0}, []int{0, 0}, 1},
			{"both are as busy", [2]int{5, 3}, []int{2, 2}, 1},
			{"the one that has rested is busier", [2]int{5, 3}, []int{0, 1}, 0},
		} {
			c := newCrowd(by, 7, 7)
			c.busy(v.inFlight)
			for i, s := range v.used {
				if s > 0 {
					c.members[i].Use(at(s))
				}
			}
			for range 64 {
				if got := c.Pick(&Choice{}); got != v.want {
					t.Fatalf("method %d, %s: member %d is picked, want %d", by, v.what, got, v.want)
				}
			}
		}
	}
}

// TestRestedShares: a member that has rested gets no more than its weight says from those of other weights.
func TestRestedShares(t *testing.T) {
	for _, by := range []Method{OfTwo, LeastInFlight} {
		c := newCrowd(by, 6, 3, 3, 2)
		now := began
		counts := make([]int, 4)
		const n = 70_000
		for range n {
			i := c.Pick(&Choice{})
			now = now.Add(time.Millisecond)
			c.members[i].Use(now)
			counts[i]++
		}
		for i, p := range []float64{6. / 14, 3. / 14, 3. / 14, 2. / 14} {
			want := n * p
			if d := float64(counts[i]) - want; d*d > 100*n*p*(1-p) { // ten standard deviations
				t.Errorf("method %d: member %d is picked %d times of %d, want some %.0f", by, i, counts[i], n, want)
			}
		}
	}
}

// TestNewMembersAreSpread: while nothing is in flight, 3n picks use 98 % of n members that are new. That this is not so with a
// probability of more than 1e-9 is computed, not hoped.
func TestNewMembersAreSpread(t *testing.T) {
	const n, picks, most = 1500, 3 * 1500, 1500 / 50
	if p := tooManyUnused(n, picks, most); p > 1e-9 {
		t.Fatalf("the test fails by chance with a probability of %g", p)
	}
	weights := make([]int64, n)
	for i := range weights {
		weights[i] = 5
	}
	for _, by := range []Method{OfTwo, Hash, LeastInFlight} {
		c := newCrowd(by, weights...)
		used, now := map[int]bool{}, began
		for range picks {
			i := c.Pick(&Choice{})
			c.begin(i)
			now = now.Add(time.Microsecond)
			c.members[i].Use(now)
			used[i] = true
			c.end(i)
		}
		if unused := n - len(used); unused > most {
			t.Errorf("method %d: %d of %d members are not used by %d picks, want %d at most", by, unused, n, picks, most)
		}
	}
}

// tooManyUnused is the probability that more than most of n members are not used by so many picks, each of which takes an unused one
// if one of the two that it draws is.
func tooManyUnused(n, picks, most int) (p float64) {
	unused := make([]float64, n+1) // the probability that so many are
	unused[n] = 1
	for range picks {
		for u := 1; u <= n; u++ { // upwards: what moves to u-1 is not looked at again
			neither := float64(n-u) * float64(n-u-1) / (float64(n) * float64(n-1))
			unused[u-1] += unused[u] * (1 - neither)
			unused[u] *= neither
		}
	}
	for _, x := range unused[most+1:] {
		p += x
	}
	return p
}

// TestTooManyUnused compares it with what can be counted by hand.
func TestTooManyUnused(t *testing.T) {
	for _, v := range []struct {
		n, picks, most int
		want           float64
	}{
		{2, 1, 0, 1}, {2, 2, 0, 0}, // both draws are all there are
		{3, 1, 1, 1}, {3, 2, 1, 0}, {3, 3, 0, 1. / 3}, // the third member is in two of three pairs
	} {
		if got := tooManyUnused(v.n, v.picks, v.most); fmt.Sprintf("%.6f", got) != fmt.Sprintf("%.6f", v.want) {
			t.Errorf("%+v: %v", v, got)
		}
	}
}
