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

func (b *bucket) allow(key uint64, now int64) limit.Decision {
	missing := max(0, b.level[key]-(now-b.last[key]))
	b.last[key], b.level[key] = now, missing
	full := b.burst * b.period
	if full-missing < b.period {
		return limit.Decision{Next: time.Duration(b.period - (full - missing))}
	}
	missing += b.period
	b.level[key] = missing
	left := full - missing
	return limit.Decision{Allowed: true, Remaining: left / b.period, Next: time.Duration(b.period - left%b.period)}
}

// The verdicts that one reads about: a burst, then one each period.
func TestAllow(t *testing.T) {
	l := limit.New(time.Second, 3, epoch, nil)
	f := func(at time.Duration, want limit.Decision) {
		t.Helper()
		if got := l.Allow([]byte("client"), nil, epoch.Add(at)); got != want {
			t.Errorf("after %v: %+v, want %+v", at, got, want)
		}
	}
	yes := func(remaining int64, next time.Duration) limit.Decision {
		return limit.Decision{Allowed: true, Remaining: remaining, Next: next}
	}
	f(0, yes(2, time.Second))
	f(0, yes(1, time.Second))
	f(0, yes(0, time.Second))
	f(0, limit.Decision{Next: time.Second})
	f(900*time.Millisecond, limit.Decision{Next: 100 * time.Millisecond})
	f(time.Second, yes(0, time.Second))
	f(time.Second, limit.Decision{Next: time.Second})
	f(1500*time.Millisecond, limit.Decision{Next: 500 * time.Millisecond})
	f(2500*time.Millisecond, yes(0, 500*time.Millisecond))
	f(time.Hour, yes(2, time.Second)) // idle: all of the burst, and no more
	if got := l.Allow([]byte("other"), nil, epoch); !got.Allowed {
		t.Error("another key is refused")
	}
}

// The least and the most that a Limiter is made for does not overflow, in a century.
func TestExtremes(t *testing.T) {
	for _, period := range []time.Duration{limit.MinPeriod, time.Hour} {
		l := limit.New(period, limit.MaxBurst, epoch, nil)
		late := epoch.AddDate(100, 0, 0)
		if v := l.Allow([]byte("a"), nil, late); !v.Allowed || v.Remaining != limit.MaxBurst-1 || v.Next != period {
			t.Errorf("period %v: %+v", period, v)
		}
		// As if all but one of a burst had come at once.
		l.Allow([]byte("b"), nil, late.Add((limit.MaxBurst-2)*period))
		if v := l.Allow([]byte("b"), nil, late); !v.Allowed || v.Remaining != 0 || v.Next != period {
			t.Errorf("period %v: the last of a burst: %+v", period, v)
		}
		if v := l.Allow([]byte("b"), nil, late); v.Allowed || v.Next != period {
			t.Errorf("period %v: beyond the burst: %+v", period, v)
		}
	}
}

// FuzzTwin holds a Limiter against its twin, for more keys than a set has cells.
func FuzzTwin(f *testing.F) {
	f.Add(uint32(1), uint16(1), []byte("\x00\x00\x00\x01\x00\x02"))    // one key, a burst of one
	f.Add(uint32(1000), uint16(5), []byte("\x06\xff\x00\x00\x06\x01")) // long and short pauses
	f.Add(uint32(1e9), uint16(999), []byte("\x01\x02\x03\x04\x05\x06"))
	f.Add(uint32(1e9), uint16(0), []byte("a\x00b\x00c\x00d\x00e\x00f\x00g\x00h\x00i\x00j\x00k\x00l\x00m\x00n\x00o\x00p\x00a\x00h\x00o\x00")) // three levels
	f.Fuzz(func(t *testing.T, micros uint32, burst uint16, events []byte) {
		period := max(time.Microsecond, time.Duration(micros)*time.Microsecond%time.Hour)
		l := limit.New(period, int(burst)+1, epoch, func() { t.Error("a key lost its cell, although there is one for each") })
		twin := newBucket(period, int(burst)+1)
		now := int64(0)
		for ; len(events) >= 2; events = events[2:] {
			now += int64(events[1]) * int64(period) / 16
			key := uint64(events[0]%(5*limit.Cells)+1) * limit.Sets // all of one set of the first level
			got, want := l.AllowHash(key, "", now), twin.allow(key, now)
			if got != want {
				t.Fatalf("period %v, burst %d, key %d at %d: %+v, want %+v", period, int(burst)+1, key, now, got, want)
			}
		}
	})
}

// FuzzOverflow crowds one set of a table that cannot grow: whatever is allowed there, an exact limiter with room for everybody
// would have allowed too, however often keys are evicted and come back; and a key that comes for the first time is allowed.
func FuzzOverflow(f *testing.F) {
	f.Add(uint16(3), []byte("abcdefghijklmnopqrstuvwxyz"))
	f.Add(uint16(0), []byte("aAbAcAdAeAfAgAhAiAjAkAlAmAnAoApAqA")) // one that stays among many that come once
	f.Fuzz(func(t *testing.T, burst uint16, events []byte) {
		const period = time.Millisecond
		n := int64(burst%50) + 1
		l, twin := limit.New(period, int(n), epoch, func() {}).Full(), newBucket(period, int(n))
		now := int64(0)
		for _, e := range events {
			now += int64(e%4) * int64(period) / 4
			key := (uint64(e) + 1) * 0x9e3779b97f4a7c15 / limit.Sets * limit.Sets // spread, as hashes are, over all bits but the set's
			_, known := twin.last[key]
			switch allowed := l.AllowHash(key, "", now).Allowed; {
			case allowed && !twin.allow(key, now).Allowed:
				t.Fatalf("key %d at %d is allowed beyond its limit", key, now)
			case !allowed && !known:
				t.Fatalf("key %d at %d is refused although it is new", key, now)
			}
		}
	})
}

// flood has n invented keys count one event each, or burst where each is to have nothing left, from so many addresses. It returns
// how many keys got nothing: a full table takes only so many of one owner.
func flood(l *limit.Limiter, n, each, addresses int, now time.Time) (refused int) {
	key, owner := make([]byte, 12), make([]byte, 8)
	for i := range n {
		binary.BigEndian.PutUint64(key, uint64(i))
		binary.BigEndian.PutUint64(owner, uint64(i%addresses))
		allowed := false
		for range each {
			allowed = l.Allow(key, owner, now).Allowed || allowed
		}
		if !allowed {
			refused++
		}
	}
	return refused
}

// Invented keys, from one address or from many, shut no other key out, give none a second burst, and cost bounded memory.
func TestInvented(t *testing.T) {
	f := func(levels int, period time.Duration, burst, keys, each, addresses, mostEvicted int) {
		t.Helper()
		evicted := 0
		l := limit.New(period, burst, epoch, func() { evicted++ }).Grown(levels)
		for range burst {
			l.Allow([]byte("known"), []byte("home"), epoch)
		}
		without := flood(l, keys, each, addresses, epoch)
		if v := l.Allow([]byte("known"), []byte("home"), epoch); v.Allowed {
			t.Errorf("%d keys: the flood has given a key a second burst", keys)
		}
		refused := 0
		for i := range 2000 {
			for range burst {
				if !l.Allow(fmt.Appendf(nil, "new%d", i), fmt.Appendf(nil, "home%d", i), epoch).Allowed {
					refused++
				}
			}
		}
		if most := 2000 * burst / 200; refused > most {
			t.Errorf("%d keys: %d events of new keys are refused, want at most %d of %d", keys, refused, most, 2000*burst)
		}
		if evicted > mostEvicted {
			t.Errorf("%d keys: %d evicted, want at most %d", keys, evicted, mostEvicted)
		}
		if got := l.Bytes(); got > limit.MaxBytes {
			t.Errorf("%d keys: %d bytes, want at most %d", keys, got, limit.MaxBytes)
		}
		// What was invented has had its burst, too, but for what got nothing.
		again := 0
		key := make([]byte, 12)
		for i := range keys {
			binary.BigEndian.PutUint64(key, uint64(i))
			if each == burst && l.Allow(key, []byte("again"), epoch).Allowed {
				again++
			}
		}
		if again > without {
			t.Errorf("%d keys: %d of them are allowed beyond their limit, want at most the %d that got nothing", keys, again, without)
		}
		t.Logf("%d keys: %d bytes, %d evicted, %d of %d events of new keys refused", keys, l.Bytes(), evicted, refused, 2000*burst)
	}
	f(limit.Levels, time.Hour, 1, 250_000, 1, 1, 0)
	f(1, time.Hour, 1, 150_000, 1, 1_000_000, 160_000) // more than there are cells
	// An eighth of the table, and fewer keys; and all.
	f(2, 12*time.Second, 5, 30_000, 5, 1, 20)
	f(2, 12*time.Second, 5, 30_000, 5, 1_000_000, 20)
	if !raced && !testing.Short() {
		f(limit.Levels, time.Hour, 1, 250_000, 1, 1_000_000, 0)
		f(limit.Levels, 12*time.Second, 5, 800_000, 5, 1, 20)
		f(limit.Levels, 12*time.Second, 5, 800_000, 5, 1_000_000, 20)
		f(limit.Levels, time.Hour, 1, 3_000_000, 1, 1_000_000, 3_100_000)
	}
}

// A full table refuses the many new keys of one owner, and no others.
func TestOwner(t *testing.T) {
	l := limit.New(time.Hour, 1, epoch, func() {}).Full()
	flood(l, limit.PerOwner*3/2, 1, 1, epoch)
	flooder := make([]byte, 8)
	mine, others := 0, 0
	for i := range 1000 {
		if l.Allow(fmt.Appendf(nil, "mine%d", i), flooder, epoch).Allowed {
			mine++
		}
		if l.Allow(fmt.Appendf(nil, "other%d", i), fmt.Appendf(nil, "other%d", i%10), epoch).Allowed {
			others++
		}
	}
	if mine > 200 || others < 995 {
		t.Errorf("%d of the flood's owner and %d of others are allowed, of 1000 each", mine, others)
	}
	// After a while there is room again.
	if v := l.Allow([]byte("mine later"), flooder, epoch.Add(2*time.Hour)); !v.Allowed {
		t.Errorf("after two hours: %+v", v)
	}
}

// What was evicted is remembered until it is idle, and not much longer.
func TestMemory(t *testing.T) {
	const period = time.Second
	l := limit.New(period, 4, epoch, func() {}).Full()
	f := func(key uint64, at time.Duration, want bool) {
		t.Helper()
		if got := l.AllowHash(key*limit.Sets, "", int64(at)); got.Allowed != want {
			t.Errorf("key %d after %v: %+v, want %t", key, at, got, want)
		}
	}
	evict := func(at time.Duration) {
		t.Helper()
		for key := range uint64(limit.Cells) {
			for range 4 {
				f(100+key+uint64(at/time.Millisecond)*limit.Cells, at, true)
			}
		}
	}
	f(1, 0, true)
	evict(0)
	f(1, 0, false) // it had three left, but nobody knows
	f(1, time.Second, true)
	f(1, time.Second, false)
	evict(6 * time.Second)
	for range 4 {
		f(1, 9*time.Second, true) // its cell was idle when it was taken
	}
	f(1, 9*time.Second, false)
	evict(10 * time.Second)
	f(1, 10*time.Second, false)
	evict(30 * time.Second)
	for range 4 {
		f(1, 30*time.Second, true)
	}
}

// Cores that count one key at once agree, and cores that evict each other's keys give none more than its burst.
func TestConcurrent(t *testing.T) {
	const burst, workers, each = 100, 8, 2000
	f := func(keys int64, full bool, most int64) {
		t.Helper()
		l := limit.New(time.Hour, burst, epoch, func() {})
		if full {
			l.Full()
		}
		allowed := make([]atomic.Int64, keys)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for i := range each {
					key := int64(i) % keys
					if l.AllowHash(uint64(1+key)*limit.Sets, "", 0).Allowed {
						allowed[key].Add(1)
					}
				}
			})
		}
		wg.Wait()
		total := int64(0)
		for key := range allowed {
			n := allowed[key].Load()
			if total += n; n > burst {
				t.Errorf("%d keys: key %d: %d events are allowed, want at most %d", keys, key, n, burst)
			}
		}
		if total != most && !full {
			t.Errorf("%d keys: %d events are allowed, want %d", keys, total, most)
		}
	}
	f(1, false, burst)
	f(limit.Cells, false, limit.Cells*burst)
	f(3*limit.Cells, false, 3*limit.Cells*burst)
	f(3*limit.Cells, true, 0)
	f(10*limit.Cells, true, 0)
}

func TestShape(t *testing.T) {
	if limit.SetSize != 128 {
		t.Errorf("a set takes %d bytes, want two cache lines", limit.SetSize)
	}
}

func TestNoAllocs(t *testing.T) {
	l, key, n := limit.New(time.Second, 10, epoch, nil), make([]byte, 16), byte(0)
	if got := testing.AllocsPerRun(1000, func() { n++; key[0] = n; l.Allow(key, nil, epoch) }); got != 0 {
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
				l.Allow(key, nil, now)
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
					l.Allow(key, nil, epoch)
				}
			})
		})
	}
}

// TestHas: Has says what Allow would, and counts nothing, also for times as long as a month.
func TestHas(t *testing.T) {
	now := time.Now()
	r := rand.New(rand.NewPCG(1, 2))
	for _, period := range []time.Duration{limit.MinPeriod, time.Second, 24 * time.Hour, limit.MaxPeriod} {
		l := limit.New(period, 3, now, func() {})
		at := now
		for range 2000 {
			at = at.Add(time.Duration(r.Int64N(int64(period))))
			key := []byte{byte(r.IntN(4))}
			want := l.Has(key, at)
			if got := l.Allow(key, key, at).Allowed; got != want {
				t.Fatalf("a period of %v: Allow %t, Has %t", period, got, want)
			}
		}
	}
}
