package limit

import (
	"sync/atomic"
	"time"
)

// MinPeriod is the shortest time between two events of a key that a Limiter can count.
const MinPeriod = time.Microsecond

// MaxBurst bounds how many events there may be at once.
const MaxBurst = 1_000_000

// MaxPeriod is the longest time between two events of a key, a month, and MaxAhead that of a whole burst: it keeps sums of times far
// from overflow.
const (
	MaxPeriod = 30 * 24 * time.Hour
	MaxAhead  = MaxBurst * time.Hour
)

// A Rate limits events: one per period on average, with bursts up to a bound.
type Rate struct {
	// Period is the time between two events, in nanoseconds.
	Period int64
	// Ahead is the burst times Period: how far a key can be paid ahead.
	Ahead int64
}

// NewRate returns a rate.
//
// Precondition: MinPeriod <= period <= MaxPeriod, 0 < burst <= MaxBurst, and burst * period <= MaxAhead.
func NewRate(period time.Duration, burst int) Rate {
	if period < MinPeriod || period > MaxPeriod || burst < 1 || burst > MaxBurst || int64(burst) > int64(MaxAhead)/int64(period) {
		panic("BUG: a limit out of range")
	}
	return Rate{Period: int64(period), Ahead: int64(burst) * int64(period)}
}

// A Decision is the outcome of one event.
type Decision struct {
	Allowed bool
	// Remaining is how many events of the key would be allowed at once after this one.
	Remaining int64
	// Next is when that number rises by one; of a refused event, when it would be allowed.
	Next time.Duration
}

// Has reports whether Count would allow an event.
func (r Rate) Has(tat *atomic.Int64, now int64) bool {
	return now+r.Ahead >= max(tat.Load(), now)+r.Period
}

// Count counts an event at now for a key that is paid for until tat, and moves that, unless the
// event is one too many.
func (r Rate) Count(tat *atomic.Int64, now int64) Decision {
	for {
		old := tat.Load()
		next := max(old, now) + r.Period
		if spare := now + r.Ahead - next; spare < 0 {
			return Decision{Next: time.Duration(-spare)}
		} else if tat.CompareAndSwap(old, next) {
			return Decision{Allowed: true, Remaining: spare / r.Period, Next: time.Duration(r.Period - spare%r.Period)}
		}
	}
}
