package upstream_test

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// lastFree takes the least descriptor that is free.
func lastFree(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestDialWaitsForDescriptors: a connection for which there is no descriptor is made as soon as one is free.
func TestDialWaitsForDescriptors(t *testing.T) {
	s := serve(t, answer)
	f := lastFree(t)
	opts := options()
	opts.Descriptors = int(f.Fd()) + 1
	u := upstream.New("test", []upstream.Address{s.address()}, opts)
	asked := 0
	u.OnExhausted = func() {
		if asked++; asked == 3 {
			f.Close()
		}
	}
	defer u.Stop()
	get(t, u)
	if asked != 3 {
		t.Errorf("room was asked for %d times, want 3", asked)
	}
}

// TestDialGivesUp: it is waited for for a moment only, and not beyond the time of the exchange.
func TestDialGivesUp(t *testing.T) {
	s := serve(t, answer)
	opts := options()
	opts.Descriptors = int(lastFree(t).Fd()) + 1
	u := upstream.New("test", []upstream.Address{s.address()}, opts)
	asked := 0
	u.OnExhausted = func() { asked++ }
	defer u.Stop()
	if nc, err := u.Endpoints()[0].Dial(time.Time{}); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("%v, %v, want EMFILE", nc, err)
	}
	if asked < 1 || asked > 16 {
		t.Errorf("room was asked for %d times in 0.3 s", asked)
	}
	asked = 0
	if nc, err := u.Endpoints()[0].Dial(time.Now().Add(50 * time.Millisecond)); err == nil {
		t.Fatalf("%v, want that it fails", nc)
	}
	if asked > 3 {
		t.Errorf("room was asked for %d times in 50 ms", asked)
	}
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
