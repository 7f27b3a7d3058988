package upstream

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestHolders: what waits for clients has half of the places at most as soon as others wait; the one with least progress
// goes first, one for each in the queue, and none otherwise.
func TestHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := server(4)
		var ended []int
		list := make([]*Holder, 4)
		for i := range list {
			if !e.TryAcquire() {
				t.Fatal("no room")
			}
			list[i] = &Holder{End: func() { ended = append(ended, i) }}
			e.Hold(list[i])
			list[i].Waits()
		}
		time.Sleep(10 * time.Second)
		for i, bytes := range []int{9000, 10, 5000, 20} {
			list[i].Moved(bytes, true)
		}
		expect := func(when string, want ...int) {
			t.Helper()
			synctest.Wait()
			if len(ended) != len(want) {
				t.Fatalf("%s: %v were ended, want %v", when, ended, want)
			}
			for i := range want {
				if ended[i] != want[i] {
					t.Fatalf("%s: %v were ended, want %v", when, ended, want)
				}
			}
		}
		leave := func(i int) {
			list[i].Release()
			e.Release()
		}
		expect("nothing is in the queue")
		served := make(chan int, 9)
		newcomer := func(i int) {
			go func() {
				if e.Acquire(time.Time{}, nil) == nil {
					served <- i
				}
			}()
			synctest.Wait()
		}
		newcomer(0)
		expect("one waits", 1)
		newcomer(1)
		expect("two wait", 1, 3)
		newcomer(2)
		expect("three wait, but half are left", 1, 3)
		leave(1)
		leave(3)
		synctest.Wait()
		if len(served) != 2 {
			t.Errorf("%d were served, want the two for which room was made", len(served))
		}
		list[0].Moved(0, false)
		newcomer(3)
		expect("one of the two does not wait for its client", 1, 3)
		if !list[1].Ended() || list[0].Ended() {
			t.Errorf("ended: %t, %t, want true, false", list[1].Ended(), list[0].Ended())
		}
		time.Sleep(2 * time.Second) // those in the queue give up
		leave(0)
		leave(2)
		e.Release()
		e.Release()
		if e.InFlight() != 0 || e.Waiting() != 0 || len(e.holders.all) != 0 || e.holders.chosen != 0 {
			t.Errorf("%d in flight, %d in the queue, %d holders, %d chosen, want none", e.InFlight(), e.Waiting(), len(e.holders.all), e.holders.chosen)
		}
	})
}

// TestHoldersTwin: the choice is that of a plain look at all, whatever has come and gone.
func TestHoldersTwin(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		e := server(1 + rng.IntN(8))
		var all []*Holder
		for step := range 200 {
			switch n := rng.IntN(6); {
			case n < 2:
				h := &Holder{End: func() {}}
				e.Hold(h)
				all = append(all, h)
			case n == 2 && len(all) > 0:
				i := rng.IntN(len(all))
				all[i].Release()
				all = append(all[:i], all[i+1:]...)
			case n == 3 && len(all) > 0:
				all[rng.IntN(len(all))].Moved(rng.IntN(1<<20), rng.IntN(2) == 0)
			case n == 4 && len(all) > 0:
				all[rng.IntN(len(all))].Waits()
			case len(all) > 0:
				all[rng.IntN(len(all))].began = time.Now().Add(-time.Duration(rng.IntN(1000)) * time.Second)
			}
			queued, most, now := rng.IntN(3), e.opts.MaxConnections/2, time.Now()
			var want *Holder
			waiting := 0
			for _, h := range all {
				if h.waits.Load() {
					waiting++
					if want == nil || h.progress(now) < want.progress(now) {
						want = h
					}
				}
			}
			if queued == 0 || waiting <= most {
				want = nil
			}
			got := e.holders.choose(queued, most, now)
			if (got == nil) != (want == nil) || got != nil && got.progress(now) != want.progress(now) {
				t.Fatalf("seed %d, step %d: got %v, want %v of %d that wait, %d in the queue", seed, step, got, want, waiting, queued)
			}
		}
	}
}
