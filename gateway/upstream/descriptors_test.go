package upstream_test

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// TestDialWaitsForDescriptors: a connection for which there is no descriptor is made as soon as one is free. No descriptor is
// below 1 here, whatever the other tests of this process open and close.
func TestDialWaitsForDescriptors(t *testing.T) {
	s := serve(t, answer)
	synctest.Test(t, func(t *testing.T) {
		opts := options()
		opts.Descriptors = 1
		u := upstream.New("test", []upstream.Address{s.address()}, opts)
		defer u.Stop()
		asked := 0
		u.OnExhausted = func() {
			if asked++; asked == 3 {
				u.Endpoints()[0].Conns().Server.Descriptors = 0 // from now on there are some
			}
		}
		start := time.Now()
		get(t, u)
		if asked != 3 {
			t.Errorf("room was asked for %d times, want 3", asked)
		}
		if waited := time.Since(start); waited != 60*time.Millisecond {
			t.Errorf("it has waited for %v, want a pause of 20 ms each time", waited)
		}
	})
}

// TestDialGivesUp: it is waited for for a moment only, and not beyond the time of the exchange.
func TestDialGivesUp(t *testing.T) {
	s := serve(t, answer)
	f := func(within time.Duration, want int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			opts := options()
			opts.Descriptors = 1
			u := upstream.New("test", []upstream.Address{s.address()}, opts)
			defer u.Stop()
			asked := 0
			u.OnExhausted = func() { asked++ }
			var by time.Time
			if within > 0 {
				by = time.Now().Add(within)
			}
			if nc, err := u.Endpoints()[0].Dial(by); !errors.Is(err, syscall.EMFILE) {
				t.Errorf("within %v: %v, %v, want EMFILE", within, nc, err)
			}
			if asked != want {
				t.Errorf("within %v: room was asked for %d times, want %d", within, asked, want)
			}
		})
	}
	f(0, 16) // at once, and every 20 ms for 0.3 s
	f(time.Second, 16)
	f(50*time.Millisecond, 3)
	f(time.Millisecond, 1)
	if n := s.opened.Load(); n != 0 {
		t.Errorf("%d connections were made, want none", n)
	}
}

// TestSpare: half of the idle connections are closed, those first that have been idle longest.
func TestSpare(t *testing.T) {
	s := serve(t, answer)
	u := pool(t, options(), s)
	var all []*trip
	for range 5 {
		x := request("GET", "")
		if err := do(u, x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	for _, x := range all {
		x.Next()
		x.End(time.Now())
	}
	for _, want := range []int{2, 1, 0} {
		u.Spare()
		if got := u.Endpoints()[0].Conns().Idle(); got != want {
			t.Errorf("%d connections are idle, want %d", got, want)
		}
	}
	get(t, u)
}
