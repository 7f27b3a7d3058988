package auth

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPool: only so many are verified at once; the others wait their turn, and no longer than a second.
func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(2)
		var inside, refused atomic.Int64
		begin := time.Now()
		for range 10 {
			go func() {
				if !p.enter() {
					refused.Add(1)
					if took := time.Since(begin); took != maxVerifyWait {
						t.Errorf("sent away after %v, want %v", took, maxVerifyWait)
					}
					return
				}
				if inside.Add(1) > 2 {
					t.Error("more than two at once")
				}
				time.Sleep(300 * time.Millisecond)
				inside.Add(-1)
				p.leave()
			}()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := refused.Load(); n != 2 { // two each at 0, 0.3, 0.6 and 0.9 s
			t.Errorf("%d are sent away, want 2", n)
		}
		if n := p.waiting.Load(); n != 0 || len(p.places) != 0 {
			t.Errorf("%d wait, %d are inside, want none", n, len(p.places))
		}
		p.waiting.Store(maxVerifyQueue)
		p.enter()
		p.enter()
		if p.enter() {
			t.Error("one more waits than may")
		}
	})
}
