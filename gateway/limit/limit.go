package limit

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// This file holds a table of cells, one for each key, in sets of seven. The rules are:
//
//   - a cell is a key's hash and its theoretical arrival time (TAT): the time until which the
//     cell is paid for. It lies at most Burst periods ahead;
//   - a key lives in one set, which its hash chooses, in any cell of it;
//   - a key that is in no cell takes that of the key that is nearest to idle, and with it its TAT
//     if that is still ahead. So the cells' times only ever rise, the least of a set is never below
//     what a key had that left it, and a key that comes back cannot gain by having been away;
//   - hence a table that is too small for its keys refuses too much, never too little: somebody who
//     has a million addresses shares the cells that a million keys share, neither fills memory nor
//     has a fresh burst for each of them, and hardly touches the clients whose cells are busy.

const (
	cells = 7       // of a set, which is two cache lines with its lock
	sets  = 1 << 14 // of a table
)

// Keys is how many keys a Limiter tells apart for sure if they share it evenly. Its table takes
// 2 MiB of address space; of that, memory only as keys come.
const Keys = cells * sets

// A Limiter bounds how often something happens for each key: on average once a period, and at
// most burst times at once. It is safe for concurrent use.
type Limiter struct {
	rate    Rate
	start   time.Time
	seed    maphash.Seed
	evicted func()
	table   *[sets]set
}

type set struct {
	mu    sync.Mutex // of who gives a cell to another key; events do not take it
	cells [cells]cell
	_     [8]byte // no set shares a cache line with another
}

// A cell is written to by whoever found its key in it. It may be given to another key meanwhile:
// then the event counts for that one, whose time was the same.
type cell struct {
	key atomic.Uint64 // 0: none yet
	tat atomic.Int64  // nanoseconds since the Limiter's start
}

// New returns a Limiter for which no event has happened. Its time begins at now. It calls evicted, under a lock, whenever a
// key loses its cell while it is not idle: the table is too small for what comes, and some are refused early.
//
// Precondition: MinPeriod <= period <= an hour, and 0 < burst <= MaxBurst.
func New(period time.Duration, burst int, now time.Time, evicted func()) *Limiter {
	return &Limiter{rate: NewRate(period, burst), start: now, evicted: evicted, seed: maphash.MakeSeed(), table: new([sets]set)}
}

// Allow counts an event of key at a time, unless it is one too many. key is not kept, and nothing
// is allocated. Times may come in any order: what lies before the newest is treated as if it came
// then, but for a little more patience.
func (l *Limiter) Allow(key []byte, now time.Time) Verdict {
	return l.allow(maphash.Bytes(l.seed, key), int64(now.Sub(l.start)))
}

// allow is Allow for the hash of a key. Two keys that have one hash share a cell; the seed keeps
// others from finding such keys.
func (l *Limiter) allow(hash uint64, now int64) Verdict {
	s := &l.table[hash%sets]
	hash |= 1 << 63 // not 0, which is no key; the sets have used the low bits
	for i := range s.cells {
		if c := &s.cells[i]; c.key.Load() == hash {
			return l.rate.Count(&c.tat, now)
		}
	}
	return l.rate.Count(&l.assign(s, hash, now).tat, now)
}

// assign gives a cell of s to a key that has none.
func (l *Limiter) assign(s *set, hash uint64, now int64) *cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := &s.cells[0]
	for i := range s.cells {
		c := &s.cells[i]
		if c.key.Load() == hash {
			return c // another goroutine was faster
		}
		if c.tat.Load() < least.tat.Load() {
			least = c
		}
	}
	if least.tat.Load() > now {
		l.evicted()
	}
	least.key.Store(hash)
	return least
}
