//go:build linux

package main

import (
	"math"
	"math/bits"
	"time"
)

// A Histogram counts latencies in buckets whose width is 1/64 of their value, as HdrHistogram does: any quantile
// is at most 1.6 % too high and never too low, at 8 bytes a bucket and without a sort. The zero Histogram is
// empty. It is not safe for concurrent use.
type Histogram struct {
	counts [buckets]uint64
	total  uint64
}

const (
	subBits = 6                         // 64 buckets for each power of two
	buckets = (64 - subBits) << subBits // up to 2^63 ns
	subs    = 1 << subBits
)

// Add counts d; a negative one as 0.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
}

// Total returns how many were counted.
func (h *Histogram) Total() uint64 { return h.total }

// Quantile returns the least latency, rounded up to its bucket's end, that a share of at least q of the counted
// ones did not exceed. It is 0 if nothing was counted. Precondition: 0 < q <= 1.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(math.Ceil(q * float64(h.total)))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= want {
			return time.Duration(top(i))
		}
	}
	return 0
}

// bucket returns the index for v: values below 64 have one each, all others one for their top 7 bits.
func bucket(v uint64) int {
	if v < subs {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift<<subBits + int(v>>shift)
}

// top returns the greatest value in bucket i.
func top(i int) uint64 {
	if i < 2*subs {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return (uint64(i-shift<<subBits)+1)<<shift - 1
}
