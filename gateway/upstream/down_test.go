package upstream_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// try makes the first attempt of n exchanges and returns how many were let through.
func (w *ward) try(t *testing.T, n int) (through int) {
	t.Helper()
	for range n {
		a := upstream.Attempts{To: w.Upstream}
		a.Begin()
		switch e, entered := a.Next(time.Now()); {
		case e != nil && entered:
			through++
			e.Release()
		case a.Nowhere() != upstream.ErrDown:
			t.Errorf("refused for %v, want %v", a.Nowhere(), upstream.ErrDown)
		}
	}
	return through
}

// die has n attempts at an endpoint fail without an answer.
func (w *ward) die(i, n int) {
	for range n {
		a := upstream.Attempts{To: w.Upstream}
		a.Begin()
		a.Again(w.Endpoints()[i], upstream.Failure{Err: &upstream.Error{Status: 502, Class: upstream.ClassConnect}})
	}
	synctest.Wait()
}

// TestDown: while nothing answers, a few exchanges a second go on, and the first head of a response ends that.
func TestDown(t *testing.T) {
	inBubble(t, ejecting(.5), unused(2), func(t *testing.T, w *ward) {
		expect := func(when string, n, want int) {
			t.Helper()
			if got := w.try(t, n); got != want {
				t.Errorf("%s: %d of %d go on, want %d", when, got, n, want)
			}
		}
		w.die(0, 3)
		expect("one of two is dead", 10, 10)
		for range 3 {
			w.Endpoints()[1].Answered(503)
		}
		synctest.Wait()
		expect("the other says 503, which is an answer", 10, 10)
		w.fail(1, 9)
		a := upstream.Attempts{To: w.Upstream}
		a.Begin()
		a.Again(w.Endpoints()[1], upstream.Failure{Err: &upstream.Error{Status: 502, Class: upstream.ClassMalformed}, Received: true})
		synctest.Wait()
		expect("it breaks off, and talks nonsense", 10, 10)
		w.die(1, 2)
		expect("it has not answered twice", 10, 10)
		w.die(1, 1)
		expect("nor three times", 10, 1)
		for range 8 {
			time.Sleep(125 * time.Millisecond)
			w.try(t, 1)
		}
		time.Sleep(time.Second)
		n := 0
		for range 1000 {
			time.Sleep(time.Millisecond)
			n += w.try(t, 1)
		}
		if n != 4 {
			t.Errorf("%d go on in a second, want 4", n)
		}
		w.Endpoints()[1].Spoke()
		expect("it answers", 10, 10)
		synctest.Wait()
		expect("still", 10, 10)
		w.die(1, 3)
		time.Sleep(time.Second)
		expect("it fails again", 10, 1)
		w.SetEndpoints(unused(3))
		synctest.Wait()
		expect("there is a new one", 10, 10)
	})
	opts := ejecting(.5)
	opts.Ejection.Failures = 0
	inBubble(t, opts, unused(1), func(t *testing.T, w *ward) {
		w.die(0, 100)
		if n := w.try(t, 10); n != 10 {
			t.Errorf("%d of 10 go on, want all: failures = 0", n)
		}
	})
}
