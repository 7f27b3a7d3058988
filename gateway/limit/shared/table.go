package shared

import (
	"crypto/sha256"
	"math"
	"sync"
	"sync/atomic"
)

// This file implements a table of cells, one for each key, in sets of seven. A key that is in no cell
// replaces the key that is nearest to idle. It begins with a full burst, until Redis has answered;
// one that was evicted recently begins with none, as in package limit. Beyond that:
//
//   - a cell has an owner while Redis is asked about it, and then keeps its key. The goroutine
//     that moves its state from idle owns it: an event that asks, until the store's goroutine
//     has taken the cell over, or a key that takes it;
//   - the lease of a cell that is taken is lost: others have to wait until it would have been spent;
//   - where all cells of a set are owned, a key without a cell is decided by the estimate of another.

const (
	cells = 7       // of a set
	sets  = 1 << 14 // of a table
)

// Keys is how many keys a Limiter tells apart for sure if they share it evenly. Its table takes
// 8 MiB of address space; of that, memory only as keys come.
const Keys = cells * sets

// A set's keys share one cache line with its lock.
type set struct {
	mu    sync.Mutex           // of who gives a cell to another key; events do not take it
	keys  [cells]atomic.Uint64 // hashes; 0: none yet
	cells [cells]cell          // each is one cache line
}

// A cell is the state of one key at this node.
type cell struct {
	balance atomic.Int64 // > 0: the lease; < 0: the debt
	tat     atomic.Int64 // the estimate: until when the key is paid for, in nanoseconds since the store's start
	mark    atomic.Int32 // Redis is asked when the balance falls below it; unknown: at each event
	state   atomic.Uint32

	// Of the owner.
	next   uint32   // in the list of cells that ask: 1 + an index; 0: the end
	base   int32    // the balance after the last answer
	since  int64    // when that was asked for
	epoch  uint32   // of the store, at that time
	leased bool     // the lease is looked after
	name   [16]byte // of the key, in Redis
}

// unknown is the mark of a cell about which Redis has not been asked.
const unknown = math.MaxInt32

// States of a cell.
const (
	idle uint32 = iota
	owned
)

// own makes the caller the owner of an idle cell.
func (c *cell) own() bool { return c.state.Load() == idle && c.state.CompareAndSwap(idle, owned) }

// release ends that.
func (c *cell) release() { c.state.Store(idle) }

// at returns the cell of an index.
func (l *Limiter) at(i uint32) *cell { return &l.table[i/cells].cells[i%cells] }

// find returns the index of the cell of a key. stranger says that it is another's, and cannot be charged.
func (l *Limiter) find(hash uint64, key []byte, now int64) (i uint32, stranger bool) {
	n := uint32(hash % sets)
	s := &l.table[n]
	hash |= 1 << 63 // not 0, which means no key; the sets have used the low bits
	for i := range s.keys {
		if s.keys[i].Load() == hash {
			return n*cells + uint32(i), false
		}
	}
	k, stranger := l.assign(s, hash, key, now)
	return n*cells + k, stranger
}

// known returns the cell of a key, or nil if it has none.
func (l *Limiter) known(hash uint64) *cell {
	s := &l.table[hash%sets]
	for i := range s.keys {
		if s.keys[i].Load() == hash|1<<63 {
			return &s.cells[i]
		}
	}
	return nil
}

// assign gives a cell of s to a key that has none.
func (l *Limiter) assign(s *set, hash uint64, key []byte, now int64) (i uint32, stranger bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := -1
	for i := range s.cells {
		if s.keys[i].Load() == hash {
			return uint32(i), false // another goroutine was faster
		}
		if s.cells[i].state.Load() == idle && (least < 0 || s.cells[i].tat.Load() < s.cells[least].tat.Load()) {
			least = i
		}
	}
	if least < 0 || !s.cells[least].own() {
		l.hooks.Evicted()
		return uint32(max(0, least)), true
	}
	c := &s.cells[least]
	if c.tat.Load() > now {
		l.hooks.Evicted()
		l.memory.Add(s.keys[least].Load(), now, l.rate.Ahead)
	}
	estimate := now
	if l.memory.Has(hash, now, l.rate.Ahead) {
		estimate += l.rate.Ahead
	}
	c.tat.Store(estimate)
	c.balance.Store(0)
	c.mark.Store(unknown)
	c.base, c.since = 0, now
	sum := sha256.Sum256(key)
	c.name = [16]byte(sum[:])
	c.release()
	s.keys[least].Store(hash) // after that, so that no event of the key finds a cell that cannot ask
	return uint32(least), false
}
