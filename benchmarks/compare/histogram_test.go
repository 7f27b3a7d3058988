//go:build linux

package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sorted is the obvious twin of Histogram.
type sorted []time.Duration

func (s sorted) quantile(q float64) time.Duration {
	return s[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}

func TestHistogramTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 100, 5000} {
		for scale := 1.0; scale < 1e12; scale *= 1000 {
			var h Histogram
			var s sorted
			for range n {
				d := time.Duration(r.ExpFloat64() * scale)
				h.Add(d)
				s = append(s, d)
			}
			slices.Sort(s)
			for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 1} {
				got, want := h.Quantile(q), s.quantile(q)
				if got < want || float64(got) > float64(want)*(1+1.0/64) {
					t.Fatalf("n=%d scale=%g: Quantile(%g) = %d, want %d to 1.6 %% more", n, scale, q, got, want)
				}
			}
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	var zero Histogram
	if got := zero.Quantile(0.5); got != 0 {
		t.Errorf("Quantile of an empty histogram = %v, want 0", got)
	}
	// Each bucket ends where the next begins.
	for i := range buckets - 1 {
		if got := bucket(uint64(top(i))); got != i {
			t.Fatalf("bucket(top(%d)) = %d", i, got)
		}
		if got := bucket(uint64(top(i)) + 1); got != i+1 {
			t.Fatalf("bucket(top(%d)+1) = %d, want %d", i, got, i+1)
		}
	}
	zero.Add(math.MaxInt64)
	zero.Add(-1)
	if zero.Total() != 2 || zero.Quantile(0.5) != 0 {
		t.Errorf("after the extremes: total %d, median %v; want 2 and 0", zero.Total(), zero.Quantile(0.5))
	}
}
