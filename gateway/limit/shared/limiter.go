package shared

import (
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/corsgate/corsgate/gateway/limit"
)

// A Limiter bounds how often something happens for each key, together with the limiters of its name, period and
// burst at other nodes. It is made by [Store.Limiter]. It is safe for concurrent use.
type Limiter struct {
	rate  limit.Rate
	burst int64
	debt  int64 // how much a node may admit for a key before Redis has answered
	lease int64 // how much of a key a node may hold
	seed  maphash.Seed
	store *Store
	hooks Hooks
	name  string        // what its keys in Redis begin with
	args  [2]any        // its figures, for the script
	asks  atomic.Uint32 // the cells that ask: 1 + the index of the first; 0: none
	table *[sets]set

	memory limit.Memory // of keys that were evicted

	// Of the store's goroutine.
	resting queue // cells that were answered
	leased  queue // cells with leases
}

// Hooks report what happens to a Limiter's keys. They are called by many goroutines, and must not
// block.
type Hooks struct {
	// Evicted is called, under a lock, whenever a key loses its cell while it is not idle, or finds none.
	Evicted func()
	// Alone is called for each event that is decided without Redis, because that fails.
	Alone func()
	// Charged, Leased and Returned are called with events that Redis has counted after they had passed, that it has
	// counted before, and of those that were given back.
	Charged, Leased, Returned func(events int64)
}

// Limiter returns a limiter whose keys begin, after the store's prefix, with name. Nothing is shared before
// it is one of those that [Store.Share] is told of.
//
// Precondition: that of limit.NewRate.
func (s *Store) Limiter(name string, period time.Duration, burst int, hooks Hooks) *Limiter {
	return &Limiter{
		rate: limit.NewRate(period, burst), burst: int64(burst),
		debt: debtOf(int64(burst)), lease: leaseOf(int64(burst)),
		seed: maphash.MakeSeed(), store: s, hooks: hooks, table: new([sets]set),
		// Nodes whose figures differ, while a change of them is rolled out, count apart.
		name: fmt.Sprintf("%s%s:%d/%d:", s.options.Prefix, name, int64(period), burst),
		args: [2]any{int64(period), burst},
	}
}

func debtOf(burst int64) int64  { return min(burst, max(64, burst/4)) }
func leaseOf(burst int64) int64 { return burst / 8 }

// Allow counts an event of key at a time, unless it is one too many. key is not kept, and nothing
// is allocated.
func (l *Limiter) Allow(key []byte, now time.Time) limit.Decision {
	return l.allow(maphash.Bytes(l.seed, key), key, int64(now.Sub(l.store.start)))
}

// Has reports whether an event of key would be allowed at a time, as far as is known here. It counts nothing.
func (l *Limiter) Has(key []byte, at time.Time) bool {
	now := int64(at.Sub(l.store.start))
	hash := maphash.Bytes(l.seed, key)
	c := l.known(hash)
	switch {
	case c == nil || c.balance.Load() > 0:
		return true
	case l.store.down.Load():
		return l.store.options.Open || l.rate.Has(&c.tat, now)
	}
	return c.balance.Load() > -l.debt && l.rate.Has(&c.tat, now)
}

// Return takes back an event of key that Allow has just allowed, because something else did not. If the key has lost its cell
// since then, nothing is taken back.
func (l *Limiter) Return(key []byte) {
	c := l.known(maphash.Bytes(l.seed, key))
	if c == nil {
		return
	}
	// What Redis has counted by now is a lease again; what it has not is in the estimate alone.
	if l.store.down.Load() || c.balance.Add(1) <= 0 {
		c.tat.Add(-l.rate.Period)
	}
}

// Bytes returns how much memory the table has, at most; the system provides it as keys come.
func (l *Limiter) Bytes() int { return int(unsafe.Sizeof(*l.table)) + l.memory.Bytes() }

// allow is Allow for the hash of a key.
func (l *Limiter) allow(hash uint64, key []byte, now int64) limit.Decision {
	i, stranger := l.find(hash, key, now)
	c := l.at(i)
	for b := c.balance.Load(); b > 0 && !stranger; b = c.balance.Load() {
		if c.balance.CompareAndSwap(b, b-1) {
			if b <= int64(c.mark.Load()) {
				l.ask(c, i)
			}
			return l.left(c, now, b-1)
		}
	}
	if stranger || l.store.down.Load() {
		return l.alone(c, now)
	}
	if c.balance.Load() <= -l.debt {
		return limit.Decision{Next: max(rest, time.Duration(c.tat.Load()+l.rate.Period-now-l.rate.Ahead))}
	}
	v := l.rate.Count(&c.tat, now)
	if v.Allowed && c.balance.Add(-1) < int64(c.mark.Load()) || c.mark.Load() == unknown {
		l.ask(c, i)
	}
	return v
}

// left returns the decision about an event that spent from a lease that is not used up.
func (l *Limiter) left(c *cell, now, some int64) limit.Decision {
	v := limit.Decision{Allowed: true, Remaining: some}
	spare := now + l.rate.Ahead - max(c.tat.Load(), now)
	if spare < 0 {
		v.Next = time.Duration(l.rate.Period - spare)
		return v
	}
	v.Remaining = min(some+spare/l.rate.Period, l.burst-1)
	v.Next = time.Duration(l.rate.Period - spare%l.rate.Period)
	return v
}

// alone decides without Redis.
func (l *Limiter) alone(c *cell, now int64) limit.Decision {
	l.hooks.Alone()
	v := l.rate.Count(&c.tat, now)
	if l.store.options.Open {
		v.Allowed = true
	}
	return v
}

// ask lets Redis be asked about a cell, unless it is already.
func (l *Limiter) ask(c *cell, i uint32) {
	if l.store.down.Load() || !c.own() {
		return
	}
	for {
		first := l.asks.Load()
		c.next = first
		if l.asks.CompareAndSwap(first, i+1) {
			if first == 0 {
				l.store.rouse()
			}
			return
		}
	}
}
