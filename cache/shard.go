package cache

import (
	"sync"
	"sync/atomic"
)

// sample is how many entries are looked at to find one that goes. More make it a better LRU and an insertion dearer.
const sample = 8

// taken is how many offers there are for each one that is accepted when the cache is full.
const taken = 8

// firstSlots is the length of a table with a first entry.
const firstSlots = 8

// A shard is a part of an LRU, with a lock of its own for writers.
type shard struct {
	table   atomic.Pointer[table]
	texts   *texts
	version atomic.Uint32 // odd: a writer is changing slots
	clock   atomic.Uint32 // of stamps: 2 for each insertion; what is asked for after it has a stamp that is 1 more

	mu        sync.Mutex
	entries   int
	most      int // bound of entries
	bytes     int // of all entries, as if no two had equal texts
	mostBytes int
	hand      int            // where the next sample begins
	offers    uint32         // where there was no room
	_         [128 - 76]byte // neighbours do not share a cache line
}

// get finds the value of key.
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

// find is get for callers that hold the lock, or that look whether the version has changed. A version that is the same before and
// after says that no slot was written in between, and so that no text was released that a slot refers to.
func (s *shard) find(hash uint64, key []byte) ([]byte, bool) {
	t := *s.table.Load()
	head, end := cut(key)
	i := s.lookup(t, metaOf(hash, key), head, end)
	if i < 0 {
		return nil, false
	}
	// If the slot becomes another's in this moment, that one is thought a little younger than it is.
	if now := s.clock.Load() + 1; t[i].stamp.Load() != now {
		t[i].stamp.Store(now)
	}
	return s.texts.get(t[i].value.Load()), true
}

// lookup returns the index of a key's slot in t, or -1.
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
func (s *shard) add(hash uint64, key, value []byte, offered bool) {
	if len(key) > maxKey {
		return
	}
	meta, size := metaOf(hash, key), cost(len(key), len(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	head, end := cut(key)
	if i := s.lookup(*s.table.Load(), meta, head, end); i >= 0 {
		s.remove(i)
	}
	if size > s.mostBytes {
		return
	}
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

// cost is what an entry counts, in bytes.
func cost(key, value int) int { return overhead + key + value }

// remove forgets the entry in slot i.
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

// oldest returns the slot of the oldest entry of a sample. Precondition: there are entries.
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
