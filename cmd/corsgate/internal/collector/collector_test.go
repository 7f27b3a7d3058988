package collector

import (
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// TestPercentFor: a small heap grows to what is asked for, and not far beyond; a large one doubles, as it does by default.
func TestPercentFor(t *testing.T) {
	for _, v := range []struct {
		inUse, quiet int64
		want         int
	}{
		{0, quietHeap, 800},
		{1 << 20, quietHeap, 800},
		{4 << 20, quietHeap, 700},
		{5 << 20, quietHeap, 500},
		{8 << 20, quietHeap, 300},
		{16 << 20, quietHeap, 100},
		{100 << 20, quietHeap, 100},
		{math.MaxInt64, quietHeap, 100},
		{1 << 20, 8 << 20, 200}, // GOMEMLIMIT=64MiB
		{3 << 20, 8 << 20, 100},
		{1 << 20, 1 << 20, 100},
		{1 << 20, 0, 100},
	} {
		got := percentFor(v.inUse, v.quiet)
		if got != v.want {
			t.Errorf("%d bytes of %d: %d %%, want %d", v.inUse, v.quiet, got, v.want)
		}
		if grown := v.inUse + v.inUse/100*int64(got); got > usualPercent && grown > v.quiet {
			t.Errorf("%d bytes of %d: they grow to %d", v.inUse, v.quiet, grown)
		}
	}
}

// TestAfterCollections: f is called after collections, again and again. One that ends while f still runs may go without a call.
func TestAfterCollections(t *testing.T) {
	called := make(chan bool, 1)
	afterCollections(func() {
		select {
		case called <- true:
		default:
		}
	})
	<-called // at once
	late := time.After(time.Minute)
	for range 3 {
		for again := false; !again; {
			runtime.GC()
			select {
			case again = <-called:
			case <-late:
				t.Fatal("it was not called")
			default:
			}
		}
	}
}

// TestCollectLess: the heap grows before it is collected, but not beyond a part of the limit on memory; GOGC is obeyed.
func TestCollectLess(t *testing.T) {
	const alone = "CORSGATE_TEST_COLLECTOR"
	if os.Getenv(alone) == "" { // what other tests have in use would count, and they would be collected less often
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCollectLess$")
		cmd.Env = append(os.Environ(), alone+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("in a process of its own: %v\n%s", err, out)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(usualPercent))
	goal := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	runtime.GC()
	usual := goal()
	t.Setenv("GOGC", "100")
	collectLess()
	if got := goal(); got != usual {
		t.Errorf("with GOGC the heap grows to %d, want %d", got, usual)
	}
	t.Setenv("GOGC", "")
	collectLess()
	if got := goal(); got < quietHeap/2 || got > 2*quietHeap {
		t.Errorf("the heap grows to %d, want about %d", got, quietHeap)
	}
}
