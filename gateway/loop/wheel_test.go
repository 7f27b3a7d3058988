//go:build linux

package loop

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// listTwin is the wheel as one would write it: a list of deadlines that is looked through.
type listTwin map[*timer]int64

func (w listTwin) advance(now int64) (expired []*timer) {
	for s, deadline := range w {
		if deadline <= now {
			expired = append(expired, s)
			delete(w, s)
		}
	}
	return expired
}

// TestWheelTwin compares the wheel with its twin, over random sequences with pauses of all lengths.
func TestWheelTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var w wheel
		twin := listTwin{}
		timers := make([]*timer, 40)
		for i := range timers {
			timers[i] = &timer{socket: &socket{fd: int32(i)}}
		}
		now := int64(0)
		for step := range 2000 {
			s := timers[random.IntN(len(timers))]
			switch random.IntN(8) {
			case 0, 1, 2:
				far := []int64{2, 40, slots - 1, slots, slots + 1, 5 * slots}[random.IntN(6)]
				deadline := now + 1 + random.Int64N(far)
				w.set(s, deadline)
				twin[s] = deadline
			case 3:
				w.clear(s)
				delete(twin, s)
			case 4:
				w.remove(s)
				s.deadline = 0
				delete(twin, s)
			default:
				now += []int64{0, 1, 1, 1, 2, 7, slots - 1, slots, slots + 1, 3 * slots}[random.IntN(10)]
				var got []*timer
				w.advance(now, func(s *timer) { got = append(got, s) })
				want := twin.advance(now)
				byFd := func(a, b *timer) int { return int(a.socket.fd - b.socket.fd) }
				slices.SortFunc(got, byFd)
				slices.SortFunc(want, byFd)
				if !slices.Equal(got, want) {
					t.Fatalf("step %d, at %d: %d timers expired, want %d", step, now, len(got), len(want))
				}
			}
			checkWheel(t, &w)
		}
	}
}

// checkWheel looks at what must hold of the wheel's lists.
func checkWheel(t *testing.T, w *wheel) {
	t.Helper()
	for i, s := range w.ring {
		for prev := (*timer)(nil); s != nil; prev, s = s, s.next {
			if !s.listed || s.prev != prev || s.due%slots != int64(i) || s.due <= w.at || s.due >= w.at+slots {
				t.Fatalf("timer in slot %d at %d: %+v", i, w.at, s)
			}
			if s.deadline != 0 && s.due > s.deadline {
				t.Fatalf("timer is looked at in %d, its deadline is %d", s.due, s.deadline)
			}
		}
	}
}

// TestWheelExpiredChangesIt: what expires may set and remove any timer, itself included.
func TestWheelExpiredChangesIt(t *testing.T) {
	var w wheel
	timers := make([]*timer, 100)
	for i := range timers {
		timers[i] = &timer{socket: &socket{fd: int32(i)}}
		w.set(timers[i], 5)
	}
	random := rand.New(rand.NewPCG(3, 4))
	gone := map[*timer]bool{}
	turns := map[*timer]int{}
	expired := func(s *timer) {
		if gone[s] {
			t.Fatalf("timer %d expired after its removal", s.socket.fd)
		}
		turns[s]++
		for range 2 {
			other := timers[random.IntN(len(timers))]
			switch {
			case gone[other]:
			case random.IntN(4) == 0:
				w.remove(other)
				other.deadline = 0
				gone[other] = true
			default:
				w.set(other, w.at+random.Int64N(2*slots)) // also now, which is the next tick
			}
		}
	}
	for now := int64(1); now < 40*slots; now += 1 + random.Int64N(3) {
		w.advance(now, expired)
		checkWheel(t, &w)
	}
	if len(gone) < 50 || len(turns) < 50 {
		t.Errorf("%d timers were removed and %d expired: the test has tested little", len(gone), len(turns))
	}
}

// TestWheelAllocations: a deadline costs no memory.
func TestWheelAllocations(t *testing.T) {
	var w wheel
	s := &timer{}
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now++
		w.set(s, now+10)
		w.advance(now, func(*timer) {})
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
