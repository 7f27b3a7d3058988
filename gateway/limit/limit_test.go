package limit_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/limit"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// bucket is the obvious twin of a cell: tokens that drip into a bucket of burst. It counts in
// fractions of a token, one for each nanosecond, so that it does not round either.
type bucket struct {
	period, burst int64
	level         map[uint64]int64 // what is missing from a full bucket, in nanoseconds
	last          map[uint64]int64
}

func newBucket(period time.Duration, burst int) *bucket {
	return &bucket{int64(period), int64(burst), map[uint64]int64{}, map[uint64]int64{}}
}

func (b *bucket) allow(key uint64, now int64) limit.Verdict {
	missing := max(0, b.level[key]-(now-b.last[key]))
	b.last[key], b.level[key] = now, missing
	full := b.burst * b.period
	if full-missing < b.period {
		return limit.Verdict{Next: time.Duration(b.period - (full - missing))}
	}
	missing += b.period
	b.level[key] = missing
	left := full - missing
	return limit.Verdict{Allowed: true, Remaining: left / b.period, Next: time.Duration(b.period - left%b.period)}
}

// The verdicts that one reads about: a burst, then one each period.
func TestAllow(t *testing.T) {
	l := limit.New(time.Second, 3, epoch, nil)
	f := func(at time.Duration, want limit.Verdict) {
		t.Helper()
		if got := l.Allow([]byte("client"), epoch.Add(at)); got != want {
			t.Errorf("after %v: %+v, want %+v", at, got, want)
		}
	}
	yes := func(remaining int64, next time.Duration) limit.Verdict {
		return limit.Verdict{Allowed: true, Remaining: remaining, Next: next}
	}
	f(0, yes(2, time.Second))
	f(0, yes(1, time.Second))
	f(0, yes(0, time.Second))
	f(0, limit.Verdict{Next: time.Second})
	f(900*time.Millisecond, limit.Verdict{Next: 100 * time.Millisecond})
	f(time.Second, yes(0, time.Second))
	f(time.Second, limit.Verdict{Next: time.Second})
	f(1500*time.Millisecond, limit.Verdict{Next: 500 * time.Millisecond})
	f(2500*time.Millisecond, yes(0, 500*time.Millisecond))
	f(time.Hour, yes(2, time.Second)) // idle: all of the burst, and no more
	if got := l.Allow([]byte("other"), epoch); !got.Allowed {
		t.Error("another key is refused")
	}
}

// The least and the most that a Limiter is made for does not overflow, in a century.
func TestExtremes(t *testing.T) {
	for _, period := range []time.Duration{limit.MinPeriod, time.Hour} {
		l := limit.New(period, limit.MaxBurst, epoch, nil)
		late := epoch.AddDate(100, 0, 0)
		if v := l.Allow([]byte("a"), late); !v.Allowed || v.Remaining != limit.MaxBurst-1 || v.Next != period {
			t.Errorf("period %v: %+v", period, v)
		}
		// As if all but one of a burst had come at once.
		l.Allow([]byte("b"), late.Add((limit.MaxBurst-2)*period))
		if v := l.Allow([]byte("b"), late); !v.Allowed || v.Remaining != 0 || v.Next != period {
			t.Errorf("period %v: the last of a burst: %+v", period, v)
		}
		if v := l.Allow([]byte("b"), late); v.Allowed || v.Next != period {
			t.Errorf("period %v: beyond the burst: %+v", period, v)
		}
	}
}

// FuzzTwin holds a Limiter against its twin, for as many keys as one set has cells.
func FuzzTwin(f *testing.F) {
	f.Add(uint32(1), uint16(1), []byte("\x00\x00\x00\x01\x00\x02"))    // one key, a burst of one
	f.Add(uint32(1000), uint16(5), []byte("\x06\xff\x00\x00\x06\x01")) // long and short pauses
	f.Add(uint32(1e9), uint16(999), []byte("\x01\x02\x03\x04\x05\x06"))
	f.Fuzz(func(t *testing.T, micros uint32, burst uint16, events []byte) {
		period := max(time.Microsecond, time.Duration(micros)*time.Microsecond%time.Hour)
		l := limit.New(period, int(burst)+1, epoch, func() { t.Error("a key lost its cell, although there is one for each") })
		twin := newBucket(period, int(burst)+1)
		now := int64(0)
		for ; len(events) >= 2; events = events[2:] {
			now += int64(events[1]) * int64(period) / 16
			key := uint64(events[0]%limit.Cells+1) * limit.Sets // all of one set
			got, want := l.AllowHash(key, now), twin.allow(key, now)
			if got != want {
				t.Fatalf("period %v, burst %d, key %d at %d: %+v, want %+v", period, int(burst)+1, key, now, got, want)
			}
		}
	})
}

// FuzzOverflow crowds one set: whatever is allowed there, an exact limiter with room for everybody
// would have allowed too, and all keys together get no more than the cells of the set.
func FuzzOverflow(f *testing.F) {
	f.Add(uint16(3), []byte("abcdefghijklmnopqrstuvwxyz"))
	f.Add(uint16(0), []byte("aAbAcAdAeAfAgAhAiAjAkAlAmAnAoApAqA")) // one that stays among many that come once
	f.Fuzz(func(t *testing.T, burst uint16, events []byte) {
		const period = time.Millisecond
		n := int64(burst%50) + 1
		l, twin := limit.New(period, int(n), epoch, func() {}), newBucket(period, int(n))
		now, allowed := int64(0), int64(0)
		for _, e := range events {
			now += int64(e%4) * int64(period) / 4
			key := uint64(e+1) * limit.Sets
			if !l.AllowHash(key, now).Allowed {
				continue
			}
			allowed++
			if !twin.allow(key, now).Allowed {
				t.Fatalf("key %d at %d is allowed beyond its limit", key, now)
			}
		}
		if most := limit.Cells * (n + now/int64(period)); allowed > most {
			t.Errorf("%d events are allowed, of %d that the cells of a set are good for", allowed, most)
		}
	})
}

// Somebody with more addresses than the table has cells gets what the table is good for, not a
// burst for each of them.
func TestManyAddresses(t *testing.T) {
	const burst = 1
	key, allowed, evicted := make([]byte, 8), 0, 0
	l := limit.New(time.Hour, burst, epoch, func() { evicted++ })
	for i := range uint64(3 * limit.Keys / 2) {
		binary.BigEndian.PutUint64(key, i)
		if l.Allow(key, epoch).Allowed {
			allowed++
		}
	}
	if most := burst * limit.Keys; allowed > most {
		t.Errorf("they have %d events allowed, of %d", allowed, most)
	}
	if evicted == 0 {
		t.Error("nobody is told that the table is too small")
	}
}

// Cores that count one key at once agree, and cores that take each other's cells cannot make more
// of a set than it is good for.
func TestConcurrent(t *testing.T) {
	const burst, workers, each = 1000, 8, 2000
	f := func(keys, most int64) {
		t.Helper()
		l := limit.New(time.Hour, burst, epoch, func() {})
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for i := range each {
					if l.AllowHash(uint64(1+int64(i)%keys)*limit.Sets, 0).Allowed {
						allowed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if got := allowed.Load(); got != most {
			t.Errorf("%d keys: %d events are allowed, want %d", keys, got, most)
		}
	}
	f(1, burst)
	f(limit.Cells, limit.Cells*burst)
	f(10*limit.Cells, limit.Cells*burst)
}

func TestShape(t *testing.T) {
	if limit.SetSize != 128 {
		t.Errorf("a set takes %d bytes, want two cache lines", limit.SetSize)
	}
}

func TestNoAllocs(t *testing.T) {
	l, key, n := limit.New(time.Second, 10, epoch, nil), make([]byte, 16), byte(0)
	if got := testing.AllocsPerRun(1000, func() { n++; key[0] = n; l.Allow(key, epoch) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkAllow(b *testing.B) {
	for _, keys := range []int{1, 1000, 100_000, 10_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			b.ReportAllocs()
			l, key := limit.New(time.Microsecond, 1000, epoch, func() {}), make([]byte, 16)
			now := epoch
			for b.Loop() {
				now = now.Add(time.Microsecond)
				binary.LittleEndian.PutUint64(key, rand.Uint64N(uint64(keys)))
				l.Allow(key, now)
			}
		})
	}
}

// Cores with keys of their own do not meet; with one key for all they do.
func BenchmarkAllowParallel(b *testing.B) {
	for _, shared := range []bool{false, true} {
		b.Run(fmt.Sprintf("shared=%t", shared), func(b *testing.B) {
			b.ReportAllocs()
			l := limit.New(time.Microsecond, 1000, epoch, func() {})
			b.RunParallel(func(pb *testing.PB) {
				key := make([]byte, 16)
				if !shared {
					binary.LittleEndian.PutUint64(key, rand.Uint64())
				}
				for pb.Next() {
					l.Allow(key, epoch)
				}
			})
		})
	}
}
