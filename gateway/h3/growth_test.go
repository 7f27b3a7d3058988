package h3

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// TestQUICWindows: the windows of all connections grow up to their bound, have it all again when those have ended, and one that has ended
// grows no more.
func TestQUICWindows(t *testing.T) {
	var w windows
	w.most.Store(1000)
	var a, b window
	for _, v := range []struct {
		one   *window
		bytes int64
		want  bool
	}{{&a, 600, true}, {&b, 401, false}, {&b, 400, true}, {&a, 1, false}} {
		if got := w.grow(v.one, v.bytes); got != v.want {
			t.Errorf("a window grows by %d: %t, want %t", v.bytes, got, v.want)
		}
	}
	w.giveBack(&a)
	if w.grow(&a, 1) || !w.grow(&b, 600) || w.grow(&b, 1) {
		t.Error("a window that has ended has grown, or not all was given back")
	}
	w.giveBack(&b)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				var one window
				for range rand.IntN(4) {
					w.grow(&one, rand.Int64N(300))
				}
				w.giveBack(&one)
				w.grow(&one, 10)
			}
		})
	}
	all.Wait()
	if got := w.bytes.Load(); got != 0 {
		t.Errorf("%d bytes are left, want 0", got)
	}
}
