package cache

import (
	"sync"
	"sync/atomic"
)

// sample is how many entries are compared to find one to evict. More make it a better LRU and
// an insertion more expensive; with eight, a skewed sequence gets at least 98 % of the hits of
// an exact LRU (a test holds that).
const sample = 8

// taken is how many offers there are for each one that is accepted when the cache is full.
const taken = 8

// firstSlots is the length of a table with a first entry.
const firstSlots = 8

// A shard is a part of an LRU, with its own lock for writers. Readers take none: they read
// optimistically, as in a seqlock, and check afterwards that no writer was at work.
//
//	writer (holds mu)                 reader
//	version 4 → 5   (odd: changing)   v := version; odd: take mu
//	change a slot                     find the slot, get the value
//	version 5 → 6                     version == v? the value is good : take mu
//
// All fields that a reader touches are atomic, so a torn read is impossible and the race
// detector agrees; the version only tells that the fields belong together. A lock for readers
// would be one more cache line that all processors write, for every preflight.
type shard struct {
	table   atomic.Pointer[table]
	texts   *texts
	version atomic.Uint32 // odd: a writer is changing slots
	clock   atomic.Uint32 // of stamps: 2 for each insertion; an entry that is read after it gets a stamp that is 1 more

	mu        sync.Mutex
	entries   int
	most      int // bound of entries
	bytes     int // of all entries, as if no two had equal texts
	mostBytes int
	hand      int            // where the next sample begins
	offers    uint32         // where there was no room
	_         [128 - 76]byte // neighbours do not share a cache line
}

// get finds the value of key. One attempt without the lock, then one with it: a reader never
// spins while writers are busy.
func (s *shard) get(hash uint64, key []byte) ([]byte, bool) {
	if v := s.version.Load(); v&1 == 0 {
		value, ok := s.find(hash, key)
		if s.version.Load() == v {
			return value, ok
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(hash, key)
}

// find is get for callers that hold the lock or check the version. A version that is the same
// before and after means that no slot was written in between, and so that no text was released
// that a slot refers to.
func (s *shard) find(hash uint64, key []byte) ([]byte, bool) {
	t := *s.table.Load()
	head, end := cut(key)
	i := s.lookup(t, metaOf(hash, key), head, end)
	if i < 0 {
		return nil, false
	}
	// If the slot becomes another's in this moment, that one is thought a little younger than
	// it is. Written only if it changes: a popular entry is then shared between processors as
	// long as nothing is inserted. If the slot is reused at this moment, the new entry appears
	// a little younger than it is.
	if now := s.clock.Load() + 1; t[i].stamp.Load() != now {
		t[i].stamp.Store(now)
	}
	return s.texts.get(t[i].value.Load()), true
}

// lookup returns the index of a key's slot in t, or -1. The whole key is compared, not only its
// hash: two origins whose hashes collide must not get each other's answer.
//
//	home                                     free: not in the table
//	┌──────────┬──────────┬──────────┬──────┐
//	│ meta ≠   │ meta =   │ meta =   │ free │   48 bits of hash and the length first,
//	│          │ end ≠    │ end =    │      │   then 40 bytes of the key in the same cache line,
//	└──────────┴──────────┴────┬─────┴──────┘   and the head, which is elsewhere, last
//	                           └ head = ? found
func (s *shard) lookup(t table, meta uint64, head, end []byte) int {
	if len(t) == 0 {
		return -1
	}
	i := t.home(meta)
	for range t { // a reader without the lock may find none that is free
		e := &t[i]
		switch m := e.meta.Load(); {
		case m == 0:
			return -1
		case m == meta && e.endsIn(end) && (len(head) == 0 || string(s.texts.get(e.head.Load())) == string(head)):
			return i
		}
		i = t.next(i)
	}
	return -1
}

// add stores an entry. See LRU.Offer for those that are offered.
//
// The order matters to readers: texts are stored before a slot refers to them, and released
// only after the slot is free and the version has changed.
func (s *shard) add(hash uint64, key, value []byte, offered bool) {
	if len(key) > maxKey {
		return
	}
	meta, size := metaOf(hash, key), cost(len(key), len(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	head, end := cut(key)
	// Replaced, not updated: a slot is written by one piece of code.
	if i := s.lookup(*s.table.Load(), meta, head, end); i >= 0 {
		s.remove(i)
	}
	if size > s.mostBytes {
		return
	}
	// A large entry may displace several. An empty shard has room for it, so the loop ends.
	for s.entries == s.most || s.bytes+size > s.mostBytes {
		if offered {
			if s.offers++; s.offers%taken != 0 {
				return
			}
			offered = false
		}
		s.remove(s.oldest())
	}
	s.grow()
	valueText, headText := s.texts.hold(value), uint32(0)
	if len(head) > 0 {
		headText = s.texts.hold(head)
	}
	// From here the version is odd: readers that start now wait for the lock.
	s.version.Add(1)
	e := s.table.Load().place(meta)
	e.meta.Store(meta)
	e.value.Store(valueText)
	e.head.Store(headText)
	e.stamp.Store(s.clock.Add(2))
	e.setEnd(end)
	s.version.Add(1)
	s.entries++
	s.bytes += size
}

// cost is the size that an entry counts with, in bytes: the most that it could take, so that
// the bound holds even if nothing is shared.
func cost(key, value int) int { return overhead + key + value }

// remove frees slot i and releases its texts, after the version has changed.
func (s *shard) remove(i int) {
	t := *s.table.Load()
	value, head := t[i].value.Load(), t[i].head.Load()
	s.bytes -= cost(t[i].keySize(), len(s.texts.get(value)))
	s.entries--
	s.version.Add(1)
	t.free(i)
	s.version.Add(1)
	s.texts.release(value)
	if head != 0 {
		s.texts.release(head)
	}
}

// oldest returns the slot of the oldest entry of a sample. The sample begins where the last one
// ended, so that every entry is considered before any is considered again. Ages are differences
// of 32-bit stamps and survive their overflow. Precondition: there are entries.
func (s *shard) oldest() int {
	t := *s.table.Load()
	now, oldest, age := s.clock.Load()+1, 0, uint32(0)
	for left := min(sample, s.entries); left > 0; s.hand = t.next(s.hand) {
		e := &t[s.hand]
		if e.meta.Load() == 0 {
			continue
		}
		left--
		if a := now - e.stamp.Load(); a >= age {
			oldest, age = s.hand, a
		}
	}
	return oldest
}

// grow makes room for one more entry. Readers continue in the old table until the new one is
// complete: nothing in it changes except stamps, some of which are lost.
func (s *shard) grow() {
	t := *s.table.Load()
	if slotsFor(s.entries+1) <= len(t) {
		return
	}
	larger := make(table, min(max(firstSlots, 2*len(t)), slotsFor(s.most)))
	for i := range t {
		if meta := t[i].meta.Load(); meta != 0 {
			larger.place(meta).move(&t[i])
		}
	}
	s.table.Store(&larger)
	s.hand = 0
}

// slotsFor returns the length of a table that has room for n entries.
func slotsFor(n int) int { return n + (n+1)/2 }
