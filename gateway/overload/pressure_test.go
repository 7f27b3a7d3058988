package overload

import "testing"

// TestPressure: what was given back is not counted as in use until a collection has begun since and ended, and not twice.
func TestPressure(t *testing.T) {
	var p pressure
	f := func(measured float64, collections uint64, want float64) {
		t.Helper()
		if got := p.inUse(measured, collections); got != want {
			t.Errorf("%v in use after %d collections: %v, want %v", measured, collections, got, want)
		}
	}
	f(100, 5, 100)
	p.relieved(30, 5)
	f(100, 5, 70)
	p.relieved(10, 5)
	f(100, 6, 60) // that one may have begun before
	f(60, 7, 60)
	p.relieved(50, 7)
	f(40, 8, 0)
}
