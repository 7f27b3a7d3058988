package limit

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// This file implements a table of cells, one for each key, in sets of seven. The rules are:
//
//   - a cell is a key's hash and its theoretical arrival time (TAT): the time until which the
//     cell is paid for. It lies at most Burst periods ahead; a cell whose time has come is
//     idle, and another key may have it;
//   - a key's hash chooses one set in each level of the table. A key that is in no cell of them
//     takes the first idle one; where there is none, the table grows by a level. So as long as
//     it can grow it is exact: no key gains or loses by the others;
//   - a table that cannot grow evicts the key that is nearest to idle, which has the least to
//     lose, and gives the newcomer a burst of its own: invented keys displace one another and
//     lock out no other client;
//   - a key that was evicted early is remembered, in a few bits, until that time has certainly
//     come. A key that comes back earlier has nothing left of its burst. So no key gets more
//     than its rate, however often it is evicted;
//   - only so many keys are new to a full table for one owner, such as the address that they
//     come from. Beyond that, those of this owner are refused, and no others.

const (
	cells  = 7       // of a set, which is two cache lines with its lock
	sets   = 1 << 14 // of the first level, and of the second; each further level has twice as many as the one before
	levels = 5
)

const (
	// Keys is the number of cells of the largest table. Of a million keys it evicts some
	// forty, of 1.4 million one in a hundred.
	Keys = cells * sets << (levels - 1)
	// MaxBytes bounds the memory of a Limiter.
	MaxBytes = int(unsafe.Sizeof(set{}))*sets<<(levels-1) + 2*int(unsafe.Sizeof(filter{})) + int(unsafe.Sizeof(owners{}))
	// perOwner is how many keys of one owner may be new to a full table in the time that a burst takes to come back.
	perOwner = Keys / 16
)

// A Limiter bounds how often something happens for each key: on average once a period, and at
// most burst times at once. It is safe for concurrent use.
type Limiter struct {
	rate    Rate
	start   time.Time
	seed    maphash.Seed
	evicted func()
	levels  int                               // that the table may grow to
	first   atomic.Pointer[[sets]set]         // nil until there is an event
	further [levels - 1]atomic.Pointer[[]set] // nil: not needed yet
	memory  Memory
	owners  atomic.Pointer[owners] // nil while the first level will do
}

type set struct {
	mu    sync.Mutex // of the first level's sets only: who gives a cell of a key's sets to another key; events do not take it
	cells [cells]cell
	_     [8]byte // no set shares a cache line with another
}

// A cell is written by the goroutine that found its key in it, which then checks that it was still
// so.
type cell struct {
	key atomic.Uint64 // 0: none
	tat atomic.Int64  // nanoseconds since the Limiter's start
}

// New returns a Limiter for which no event has happened. Its time begins at now. It calls
// evicted, under a lock, whenever a key loses its cell while it is not idle, or is refused one,
// because the table is full.
//
// Precondition: that of NewRate.
func New(period time.Duration, burst int, now time.Time, evicted func()) *Limiter {
	return &Limiter{rate: NewRate(period, burst), start: now, evicted: evicted, seed: maphash.MakeSeed(), levels: levels}
}

// root returns the first level. It is made by the first event: a configuration that is only judged has none.
func (l *Limiter) root() *[sets]set {
	if t := l.first.Load(); t != nil {
		return t
	}
	return l.plant()
}

func (l *Limiter) plant() *[sets]set {
	l.first.CompareAndSwap(nil, new([sets]set))
	return l.first.Load()
}

// Allow counts an event of key at a time, unless it is one too many. owner is who answers for
// the key, such as the address that sent it. Neither is kept, and nothing is allocated, but for
// the table when it begins and grows. Times may come in any order: what lies before the newest
// is treated as if it came then, but for a little more patience.
func (l *Limiter) Allow(key, owner []byte, now time.Time) Decision {
	return l.allow(maphash.Bytes(l.seed, key), owner, int64(now.Sub(l.start)))
}

// Has reports whether an event of key would be allowed at a time. It counts nothing.
func (l *Limiter) Has(key []byte, now time.Time) bool {
	if l.first.Load() == nil {
		return true
	}
	c := l.find(maphash.Bytes(l.seed, key) | 1<<63)
	return c == nil || l.rate.Has(&c.tat, int64(now.Sub(l.start)))
}

// Return takes back an event of key that Allow has just allowed, because something else did not. If the key has lost its cell
// since then, nothing is taken back.
func (l *Limiter) Return(key []byte) {
	hash := maphash.Bytes(l.seed, key) | 1<<63
	c := l.find(hash)
	if c == nil {
		return
	}
	for {
		// A cell that goes to another key gets another time after it loses this one: then the swap fails.
		tat := c.tat.Load()
		if c.key.Load() != hash || c.tat.CompareAndSwap(tat, tat-l.rate.Period) {
			return
		}
	}
}

// Bytes returns how much memory the table has, at most. Of its first level, 2 MiB, the system
// provides memory only as keys come.
func (l *Limiter) Bytes() int {
	n := int(unsafe.Sizeof([sets]set{})) + l.memory.Bytes()
	for i := range l.further {
		if t := l.further[i].Load(); t != nil {
			n += len(*t) * int(unsafe.Sizeof(set{}))
		}
	}
	if l.owners.Load() != nil {
		n += int(unsafe.Sizeof(owners{}))
	}
	return n
}

// allow is Allow for the hash of a key. Two keys that have one hash share a cell; the seed
// keeps others from finding such keys.
func (l *Limiter) allow(hash uint64, owner []byte, now int64) Decision {
	hash |= 1 << 63 // not 0, which means no key; sets are chosen by lower bits
	for range 8 {
		c := l.find(hash)
		if c == nil {
			var wait int64
			if c, wait = l.assign(hash, owner, now); c == nil {
				return Decision{Next: time.Duration(wait)}
			}
		}
		if v := l.rate.Count(&c.tat, now); c.key.Load() == hash {
			return v
		}
		// Another key has the cell by now, and perhaps an event too many.
	}
	return Decision{Next: time.Duration(l.rate.Period)}
}

// set returns the set of a key in a level, or nil if the level does not exist.
func (l *Limiter) set(hash uint64, level int) *set {
	if level == 0 {
		return &l.root()[hash%sets]
	}
	t := l.further[level-1].Load()
	if t == nil {
		return nil
	}
	// The keys of one set of the first level have sets of their own in all others: one lock is for them all.
	beside := level - 1 // bits
	return &(*t)[hash%sets<<beside|hash>>(16+4*level)&(1<<beside-1)]
}

func (l *Limiter) find(hash uint64) *cell {
	for level := range levels {
		s := l.set(hash, level)
		if s == nil {
			return nil
		}
		for i := range s.cells {
			if c := &s.cells[i]; c.key.Load() == hash {
				return c
			}
		}
	}
	return nil
}

// assign gives a cell to a key that has none. If it does not fit, it returns how long to wait.
func (l *Limiter) assign(hash uint64, owner []byte, now int64) (c *cell, wait int64) {
	mu := &l.root()[hash%sets].mu
	mu.Lock()
	defer mu.Unlock()
	found, idle, least, grown := l.survey(hash, now)
	if found != nil {
		return found, 0 // another goroutine was faster
	}
	welcome := l.welcome(owner, now)
	c = idle
	switch {
	case c != nil:
	case grown < l.levels:
		l.grow(grown)
		c = &l.set(hash, grown).cells[0]
	case !welcome:
		l.evicted()
		return nil, max(l.rate.Period, least.tat.Load()-now)
	default:
		l.evicted()
		c = least
	}
	tat := now
	if l.memory.Has(hash, now, l.rate.Ahead) {
		tat += l.rate.Ahead
	}
	// An event that has found the old key in the cell may count there until the swap of the
	// time. It then sees that the key is gone, and waits here: all keys that this cell can have
	// share the lock.
	old := c.key.Swap(0)
	if c.tat.Swap(tat) > now && old != 0 {
		l.memory.Add(old, now, l.rate.Ahead)
	}
	c.key.Store(hash)
	return c, 0
}

// survey looks through the cells that a key may have: for its own, the first that is idle and
// the one that is nearest to it. It returns how many levels the table has grown to.
func (l *Limiter) survey(hash uint64, now int64) (found, idle, least *cell, grown int) {
	for ; grown < levels; grown++ {
		s := l.set(hash, grown)
		if s == nil {
			break
		}
		for i := range s.cells {
			c := &s.cells[i]
			switch tat := c.tat.Load(); {
			case c.key.Load() == hash:
				return c, nil, nil, grown
			case tat <= now:
				if idle == nil {
					idle = c
				}
			case least == nil || tat < least.tat.Load():
				least = c
			}
		}
	}
	return nil, idle, least, grown
}

// grow adds a level, unless another goroutine was faster.
func (l *Limiter) grow(level int) {
	if level == 1 {
		l.owners.CompareAndSwap(nil, new(owners))
	}
	at := &l.further[level-1]
	if at.Load() != nil {
		return
	}
	t := make([]set, sets<<(level-1))
	at.CompareAndSwap(nil, &t)
}

// owners counts, for each owner, the keys that were new recently: in one cell of each row,
// which others may share. It is the lesser of the two that counts.
type owners [2][1 << 14]atomic.Int64

// welcome counts a new key of an owner, and reports whether it is one of the perOwner that a full table takes.
func (l *Limiter) welcome(owner []byte, now int64) bool {
	o := l.owners.Load()
	if o == nil {
		return true
	}
	step := max(1, l.rate.Ahead/perOwner)
	rate := Rate{Period: step, Ahead: step * perOwner}
	hash := maphash.Bytes(l.seed, owner)
	one := rate.Count(&o[0][hash%uint64(len(o[0]))], now)
	two := rate.Count(&o[1][hash>>32%uint64(len(o[1]))], now)
	return one.Allowed || two.Allowed
}
