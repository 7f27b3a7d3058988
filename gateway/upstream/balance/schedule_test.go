package balance

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSchedule: the order is that of smooth weighted round robin.
func TestSchedule(t *testing.T) {
	f := func(want []int32, weights ...int64) {
		t.Helper()
		if got := schedule(weights); !slices.Equal(got, want) {
			t.Errorf("weights %v: %v, want %v", weights, got, want)
		}
	}
	f([]int32{0}, 7)
	f([]int32{0, 1, 2}, 1, 1, 1)
	f([]int32{0, 0, 1, 0, 2, 0, 0}, 5, 1, 1)
	f([]int32{0, 0, 1, 0, 2, 0, 0}, 50, 10, 10)
	f([]int32{0, 1}, 1000, 1000)
	f([]int32{0, 1, 0}, 2, 1)
}

// TestScheduleTwin: without a common divisor taken out, and one step at a time, the order is the same, again and again. Each
// index stands as often as its weight says, and in no part of the order is it more than two away from its share.
func TestScheduleTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		weights := make([]int64, 1+r.IntN(12))
		factor, total := 1+r.Int64N(4), int64(0)
		for i := range weights {
			weights[i] = factor * (1 + r.Int64N(30))
			total += weights[i]
		}
		order := schedule(weights)
		current, counts := make([]int64, len(weights)), make([]int64, len(weights))
		for n := range 2 * total {
			best := 0
			for i, w := range weights {
				current[i] += w
				if current[i] > current[best] {
					best = i
				}
			}
			current[best] -= total
			if got := order[n%int64(len(order))]; got != int32(best) {
				t.Fatalf("weights %v: step %d is %d, want %d", weights, n, got, best)
			}
			counts[best]++
			for i, w := range weights {
				if d := counts[i]*total - (n+1)*w; d > 2*total || d < -2*total {
					t.Fatalf("weights %v: after %d steps index %d stands %d times", weights, n+1, i, counts[i])
				}
			}
		}
		for i, w := range weights {
			if counts[i] != 2*w {
				t.Errorf("weights %v: index %d stands %d times in two rounds", weights, i, counts[i])
			}
		}
	}
}

// TestScheduleIsBounded: weights with a large sum are scaled down; no index is lost, and none gains much.
func TestScheduleIsBounded(t *testing.T) {
	f := func(weights ...int64) {
		t.Helper()
		order, total := schedule(weights), int64(0)
		if most := maxSchedule + len(weights); len(order) > most {
			t.Errorf("%d weights: a length of %d, want at most %d", len(weights), len(order), most)
		}
		counts := make([]int, len(weights))
		for _, i := range order {
			counts[i]++
		}
		for _, w := range weights {
			total += w
		}
		for i, w := range weights {
			share, want := float64(counts[i])/float64(len(order)), float64(w)/float64(total)
			if counts[i] == 0 || share > want+2./maxSchedule || share < want-2./maxSchedule {
				t.Errorf("index %d of weight %d has a share of %f, want some %f", i, w, share, want)
			}
		}
	}
	f(1_000_000, 1)
	f(999_983, 1_000_003)
	f(1, 99_991, 500_009)
	many := make([]int64, maxSchedule+1)
	for i := range many {
		many[i] = 1
	}
	many[7] = 3
	f(many...)
}
