package balance

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// TestLeastInFlight: exactly the least busy members, by their weights.
func TestLeastInFlight(t *testing.T) {
	f := func(weights []int64, counts []int, want ...int) {
		t.Helper()
		c := newCrowd(LeastInFlight, weights...)
		c.busy(counts)
		picked := make([]int, len(weights))
		for range 1000 {
			picked[c.Pick(&Choice{})]++
		}
		for i, n := range picked {
			is := false
			for _, w := range want {
				is = is || w == i
			}
			if (n > 0) != is {
				t.Errorf("weights %v, in flight %v: member %d is picked %d times, want only %v", weights, counts, i, n, want)
			}
		}
	}
	f([]int64{1, 1, 1}, []int{2, 1, 3}, 1)
	f([]int64{1, 1, 1}, []int{2, 1, 1}, 1, 2)
	f([]int64{1, 1, 1}, []int{1, 1, 1}, 0, 1, 2)
	f([]int64{10, 1}, []int{9, 1}, 0)
	f([]int64{10, 1}, []int{11, 1}, 1)
	f([]int64{1000, 1}, []int{999, 0}, 1)
}

// TestLeastInFlightTwin: whatever begins, ends, leaves and comes, no member is less busy than the one that is picked.
func TestLeastInFlightTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		weights := someWeights(r, 70)
		c, n := newCrowd(LeastInFlight, weights...), len(weights)
		for range 2000 {
			switch i := r.IntN(len(weights)); r.IntN(10) {
			case 0:
				if r.IntN(20) == 0 { // those that leave end their exchanges in no set
					n = 1 + r.IntN(len(weights))
					c.replace(weights[:n])
				}
			case 1, 2, 3:
				if c.members[i].InFlight() > 0 {
					c.end(i)
				}
			case 4:
				c.begin(i)
			default:
				got := c.Pick(&Choice{})
				if got >= n || !c.isLeast(got) {
					t.Fatalf("weights %v: %d of %d is picked, with %d in flight", weights, got, n, c.members[got].InFlight())
				}
				c.begin(got)
			}
		}
	}
}

// TestLeastInFlightRaces: whatever was counted at the same time, the next pick is exact.
func TestLeastInFlightRaces(t *testing.T) {
	c := newCrowd(LeastInFlight, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1)
	for round := range 200 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 100 {
					i := c.Pick(&Choice{})
					c.begin(i)
					if rand.IntN(3) > 0 {
						c.end(i)
					}
				}
			})
		}
		all.Wait()
		if got := c.Pick(&Choice{}); !c.isLeast(got) {
			t.Fatalf("round %d: %d is picked, with %d in flight", round, got, c.members[got].InFlight())
		}
	}
}
