package edge

import (
	"math/rand/v2"
	"testing"
)

// TestRecordCount: records are counted the same, whatever pieces they are read in.
func TestRecordCount(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var all recordCount
		var b []byte
		var ends []int // after so many bytes a record ends
		for range r.IntN(10) {
			n := r.IntN(3) * r.IntN(400)
			b = append(append(b, 23, 3, 3, byte(n>>8), byte(n)), make([]byte, n)...)
			ends = append(ends, len(b))
		}
		for at := 0; at < len(b); {
			n := min(1+r.IntN(300), len(b)-at)
			all.add(b[at : at+n])
			at += n
			want, whole := 0, at == 0
			for _, e := range ends {
				if e <= at {
					want++
				}
				whole = whole || e == at
			}
			if all.ended != want || (all.had == 0) != whole {
				t.Fatalf("after %d of %d bytes: %d records, %t, want %d, %t", at, len(b), all.ended, all.had == 0, want, whole)
			}
		}
	}
}
