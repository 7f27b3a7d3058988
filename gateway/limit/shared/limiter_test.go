package shared_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/limit/shared"
)

// supposed returns a limiter whose store does not run, and shares if it is up.
func supposed(period time.Duration, burst int, up bool) *shared.Limiter {
	s := shared.NewStore(shared.Options{})
	if up {
		s.Suppose()
	}
	return s.Limiter("l", period, burst, shared.Hooks{Evicted: func() {}, Alone: func() {}})
}

func TestShape(t *testing.T) {
	if shared.CellSize != 64 || shared.SetSize != 64*(1+shared.Cells) {
		t.Errorf("a cell takes %d bytes and a set %d, want one cache line, and one for each cell and one more", shared.CellSize, shared.SetSize)
	}
}

// TestNoAllocs: neither a lease, nor a debt, nor a refusal, nor a new key allocates.
func TestNoAllocs(t *testing.T) {
	f := func(what string, allowed bool, l *shared.Limiter, prepare func(*shared.Limiter, []byte)) {
		t.Helper()
		key, n, last := make([]byte, 16), byte(0), limit.Decision{}
		now := time.Now()
		prepare(l, key)
		got := testing.AllocsPerRun(1000, func() {
			if what == "new keys" {
				n++
				key[0] = n
			}
			last = l.Allow(key, now)
		})
		if got != 0 || last.Allowed != allowed {
			t.Errorf("%s: %v allocations, %+v", what, got, last)
		}
	}
	none := func(*shared.Limiter, []byte) {}
	lease := func(l *shared.Limiter, key []byte) { l.Lease(key, 5000, time.Now()) }
	f("a lease", true, supposed(time.Second, 100_000, true), lease)
	f("a debt", true, supposed(time.Second, 100_000, true), none)
	f("a refusal", false, supposed(time.Second, 10, true), none)
	f("alone", true, supposed(time.Second, 100_000, false), none)
	f("new keys", true, supposed(time.Second, 1000, true), none)
}

// TestReturn: what is given back can be used again, and no more, while it is a debt, a lease, and without Redis.
func TestReturn(t *testing.T) {
	const burst, workers = 60, 64
	f := func(what string, up bool, lease, want int64) {
		t.Helper()
		l, key, now := supposed(time.Hour, burst, up), []byte("k"), time.Now()
		if lease > 0 {
			l.Lease(key, lease, now)
		}
		var kept atomic.Int64
		var all sync.WaitGroup
		for n := range workers {
			all.Go(func() {
				if l.Allow(key, now).Allowed {
					if n%2 == 0 {
						l.Return(key)
						return
					}
					kept.Add(1)
				}
			})
		}
		all.Wait()
		got := kept.Load()
		for l.Allow(key, now).Allowed {
			got++
		}
		if got != want {
			t.Errorf("%s: %d events, want %d", what, got, want)
		}
		l.Return([]byte("unknown"))
	}
	f("a debt", true, 0, burst)
	f("a lease", true, 40, 40+burst)
	f("alone", false, 0, burst)
}

// TestConcurrent: cores that spend one lease at once spend it once, and a debt stays within its bound, but for one event of each core.
func TestConcurrent(t *testing.T) {
	const workers, each = 8, 20_000
	f := func(lease int64, burst int, least, most int64) {
		t.Helper()
		l, key, now := supposed(time.Hour, burst, true), []byte("k"), time.Now()
		l.Lease(key, lease, now)
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					if l.Allow(key, now).Allowed {
						allowed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if got := allowed.Load(); got < least || got > most {
			t.Errorf("a lease of %d, a burst of %d: %d events, want %d to %d", lease, burst, got, least, most)
		}
	}
	f(0, 1, 1, 1)
	f(1000, 1, 1001, 1001)
	f(0, 1000, 250, 250+workers)
	f(5000, 1000, 5250, 5250+workers)
	f(workers*each, 1, workers*each, workers*each)
}

func BenchmarkAllow(b *testing.B) {
	run := func(name string, keys int, lease int64, up bool) {
		b.Run(fmt.Sprintf("%s/keys=%d", name, keys), func(b *testing.B) {
			b.ReportAllocs()
			l, key := supposed(time.Microsecond, limit.MaxBurst, up), make([]byte, 16)
			now := time.Now()
			if lease > 0 {
				l.Lease(key, lease, now)
			}
			for b.Loop() {
				now = now.Add(time.Microsecond)
				if keys > 1 {
					binary.LittleEndian.PutUint64(key, rand.Uint64N(uint64(keys)))
				}
				l.Allow(key, now)
			}
		})
	}
	run("leased", 1, 1<<50, true)
	run("alone", 1, 0, false)
	run("alone", 1000, 0, false)
	run("alone", 100_000, 0, false)
}

// Invented keys, of which Redis is not told, shut no other key out, and give none a second burst.
func TestInvented(t *testing.T) {
	l := shared.NewStore(shared.Options{}).Limiter("l", time.Hour, 1, shared.Hooks{Evicted: func() {}, Alone: func() {}})
	now := time.Now()
	if !l.Allow([]byte("known"), now).Allowed {
		t.Fatal("the first event of a key is refused")
	}
	for i := range 3 * shared.Keys {
		l.Allow(fmt.Appendf(nil, "invented%d", i), now)
	}
	if l.Allow([]byte("known"), now).Allowed {
		t.Error("the flood has given a key a second burst")
	}
	allowed := 0
	for i := range 1000 {
		if l.Allow(fmt.Appendf(nil, "new%d", i), now).Allowed {
			allowed++
		}
	}
	if allowed < 995 {
		t.Errorf("%d of 1000 new keys are allowed", allowed)
	}
	if got, most := l.Bytes(), 18<<20; got > most {
		t.Errorf("%d bytes, want at most %d", got, most)
	}
}
