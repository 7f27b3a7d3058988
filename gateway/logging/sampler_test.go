package logging

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSampler: one line a second passes, and with each it is known how many did not.
func TestSampler(t *testing.T) {
	var h Sampler
	start := time.Unix(1e9, 0)
	f := func(after time.Duration, ok bool, held int64) {
		t.Helper()
		if n, passed := h.Pass(start.Add(after)); passed != ok || n != held {
			t.Errorf("after %v: %d, %t, want %d, %t", after, n, passed, held, ok)
		}
	}
	f(0, true, 0)
	f(time.Millisecond, false, 0)
	f(999*time.Millisecond, false, 0)
	f(-time.Hour, false, 0) // a request that began earlier
	f(time.Second, true, 3)
	f(1500*time.Millisecond, false, 0)
	f(time.Hour, true, 1)
	f(2*time.Hour, true, 0)

	// Of many at once one passes, and none is forgotten.
	var passed, held atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if n, ok := h.Pass(start.Add(3 * time.Hour)); ok {
					passed.Add(1)
					held.Add(n)
				}
			}
		})
	}
	all.Wait()
	if passed.Load() != 1 || held.Load()+h.held.Load() != 7999 {
		t.Errorf("%d passed, %d and %d were held, want 1 and 7999 in all", passed.Load(), held.Load(), h.held.Load())
	}
}
