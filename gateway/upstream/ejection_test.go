package upstream_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// A ward is an upstream whose endpoints are never dialed, in a bubble of time, with what it tells.
type ward struct {
	*upstream.Upstream

	mu   sync.Mutex
	told []string
}

func inBubble(t *testing.T, opts upstream.Options, list []upstream.Address, f func(t *testing.T, w *ward)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts.MaxConnections, opts.KeepAlive = 1<<30, time.Hour
		w := &ward{Upstream: upstream.New("test", list, opts)}
		w.Changed = func(c upstream.Change) {
			w.mu.Lock()
			defer w.mu.Unlock()
			told := fmt.Sprintf("%s %t %v", c.Endpoint.Address.Label, c.Usable, c.For)
			switch {
			case c.Failing:
				told = c.Endpoint.Address.Label + " fails"
			case c.Kept:
				told = c.Endpoint.Address.Label + " recovers"
			}
			w.told = append(w.told, told)
		}
		w.Start()
		defer w.Stop()
		synctest.Wait()
		f(t, w)
	})
}

// fail has an endpoint fail n times.
func (w *ward) fail(i, n int) {
	for range n {
		w.Endpoints()[i].Failed()
	}
	synctest.Wait()
}

// used returns the labels of the endpoints that are picked.
func (w *ward) used() string {
	var b strings.Builder
	for i, n := range picks(w.Upstream, 200*len(w.Endpoints()), nil) {
		if n > 0 {
			fmt.Fprint(&b, i)
		}
	}
	return b.String()
}

func (w *ward) expect(t *testing.T, used string, told ...string) {
	t.Helper()
	if got := w.used(); got != used {
		t.Errorf("endpoints %s are used, want %s", got, used)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if fmt.Sprint(w.told) != fmt.Sprint(told) {
		t.Errorf("told %q, want %q", w.told, told)
	}
	w.told = nil
}

func ejecting(share float64) upstream.Options {
	return upstream.Options{Balance: balance.RoundRobin,
		Ejection: upstream.Ejection{Failures: 3, BaseTime: 5 * time.Second, MaxShare: share}}
}

// TestEjection: failures in a row take an endpoint out of use, the longer the more often; it is
// told once for each change.
func TestEjection(t *testing.T) {
	inBubble(t, ejecting(.5), unused(4), func(t *testing.T, w *ward) {
		e := w.Endpoints()[1]
		w.fail(1, 2)
		e.Answered(200)
		w.fail(1, 2)
		w.expect(t, "0123")
		e.Answered(404) // nobody's failure
		for _, status := range []int{502, 503, 504} {
			e.Answered(status)
		}
		synctest.Wait()
		w.expect(t, "023", "1 false 5s")
		if s := w.Status()[1]; s.Usable || time.Until(s.EjectedUntil) != 5*time.Second {
			t.Errorf("status %+v", s)
		}
		w.fail(1, 9) // exchanges that were under way
		w.expect(t, "023")
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		w.expect(t, "023")
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		w.expect(t, "0123", "1 true 0s")
		// It is on probation.
		for _, d := range []string{"10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"} {
			w.fail(1, 1)
			w.expect(t, "023", "1 false "+d)
			d, _ := time.ParseDuration(d)
			time.Sleep(d)
			synctest.Wait()
			w.expect(t, "0123", "1 true 0s")
		}
		e.Answered(200)
		time.Sleep(5 * time.Minute)
		w.fail(1, 2)
		w.expect(t, "0123")
		w.fail(1, 1)
		w.expect(t, "023", "1 false 5s") // what was is forgiven
	})
}

// TestEjectionShare: no more than max_share are out at once, and not the only one; if one comes
// back another that fails may go.
func TestEjectionShare(t *testing.T) {
	inBubble(t, ejecting(.5), unused(4), func(t *testing.T, w *ward) {
		w.fail(2, 3)
		time.Sleep(time.Second)
		for i := range 4 {
			w.fail(i, 3)
		}
		w.expect(t, "13", "2 false 5s", "0 false 5s", "1 fails", "3 fails")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		w.expect(t, "23", "1 false 5s", "2 true 0s")
	})
	inBubble(t, ejecting(.5), unused(1), func(t *testing.T, w *ward) {
		w.fail(0, 100)
		w.expect(t, "0", "0 fails")
		if s := w.Status()[0]; !s.Usable || !s.Failing {
			t.Errorf("status %+v, want one that fails in use", s)
		}
		w.Endpoints()[0].Answered(404)
		synctest.Wait()
		w.expect(t, "0", "0 recovers")
	})
	inBubble(t, ejecting(.5), unused(3), func(t *testing.T, w *ward) {
		for i := range 3 {
			w.fail(i, 3)
		}
		w.expect(t, "12", "0 false 5s", "1 fails", "2 fails")
	})
}

// TestPanicMode: when no endpoint can be used, all are.
func TestPanicMode(t *testing.T) {
	inBubble(t, ejecting(1), unused(2), func(t *testing.T, w *ward) {
		w.fail(0, 3)
		w.expect(t, "1", "0 false 5s")
		w.fail(1, 3)
		w.expect(t, "01", "1 false 5s")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		w.expect(t, "01", "0 true 0s", "1 true 0s")
	})
}

// TestEjectionOff: failures = 0.
func TestEjectionOff(t *testing.T) {
	opts := ejecting(1)
	opts.Ejection.Failures = 0
	inBubble(t, opts, unused(2), func(t *testing.T, w *ward) {
		w.fail(0, 1000)
		w.expect(t, "01", "0 fails")
	})
}

// TestSlowStart: the share of an endpoint that comes back grows in steps; so does that of one that
// is new, but not of those that an upstream begins with.
func TestSlowStart(t *testing.T) {
	opts := ejecting(.5)
	opts.SlowStart = 10 * time.Second
	inBubble(t, opts, unused(2), func(t *testing.T, w *ward) {
		share := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := picks(w.Upstream, 1100*300, nil)[1] * 1100 / (1100 * 300); got != want {
				t.Errorf("it gets %d of 1100, want %d", got, want)
			}
		}
		share(550)
		w.fail(1, 3)
		share(0)
		time.Sleep(5 * time.Second)
		share(100) // a tenth of what the other gets
		time.Sleep(5 * time.Second)
		share(366)
		time.Sleep(5 * time.Second)
		share(550)
		w.SetEndpoints(unused(3)[:2])
		share(550)
	})
	inBubble(t, opts, unused(1), func(t *testing.T, w *ward) {
		w.SetEndpoints(unused(2))
		n := picks(w.Upstream, 1100, nil)
		if n[1] != 100 {
			t.Errorf("a new endpoint gets %d of 1100", n[1])
		}
	})
}

// TestRetryBudget: a share of the exchanges of the last ten seconds, and three a second.
func TestRetryBudget(t *testing.T) {
	opts := upstream.Options{Retries: 1, RetryBudget: .2}
	inBubble(t, opts, unused(2), func(t *testing.T, w *ward) {
		e := w.Endpoints()[0]
		failure := upstream.Failure{Err: &upstream.Error{Status: 502, Class: upstream.ClassConnect}}
		// retries has n exchanges fail and returns how many may be tried again.
		retries := func(n int) (granted int) {
			for range n {
				a := upstream.Attempts{To: w.Upstream}
				a.Begin()
				if a.Again(e, failure) {
					granted++
				}
			}
			return granted
		}
		exchanges := func(n int) {
			for range n {
				e.TryAcquire()
				e.Release()
			}
		}
		check := func(want int) {
			t.Helper()
			if got := retries(10_000); got != want {
				t.Errorf("%d may be tried again, want %d", got, want)
			}
		}
		check(30)
		check(0)
		exchanges(1000)
		check(0)
		time.Sleep(time.Second)
		synctest.Wait()
		check(200 - 6) // a fifth of those that were no retries
		exchanges(1000)
		time.Sleep(time.Second)
		synctest.Wait()
		check(161) // 30 + a fifth of 2000-224, of which 224 were taken
		time.Sleep(20 * time.Second)
		synctest.Wait()
		check(30)
	})
}
