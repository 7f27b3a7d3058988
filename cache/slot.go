package cache

import (
	"encoding/binary"
	"sync/atomic"
)

const (
	slotSize = 64
	inline   = 8 * words // bytes of a key in its slot
	words    = 5
	maxKey   = 1<<16 - 2 // bytes, so that the length fits into meta
)

// A slot is an entry of a table, or free: one cache line. A writer may change it while it is
// read, so its fields are atomic; a reader's result counts only if the
// shard's version is still the same afterwards.
//
// The end of the key is inside, since keys differ most there. The part before it is a text,
// which many keys may share:
//
//	key    │ head: a text                │ end: the last 40 bytes    │
//	            │                              │
//	slot   │ meta 8 │ value 4 │ head 4 │ stamp 4 │ 4 unused │ end 40 │   64 bytes
//	                    │         │
//	texts         number → bytes, kept once for all slots that refer to them
//
// Texts are numbers and not pointers: the collector has nothing to scan, however many entries
// there are, and a slot stays within its cache line.
type slot struct {
	meta  atomic.Uint64 // upper 48 bits of the key's hash, length of the key plus 1; 0: free
	value atomic.Uint32 // text
	head  atomic.Uint32 // text: the key but for its end; 0: nothing
	stamp atomic.Uint32 // see shard.clock
	_     uint32
	end   [words]atomic.Uint64 // little-endian, zeros behind it
}

// metaOf returns a slot's meta: 48 bits of hash, 16 of length plus 1, so that 0 is free for
// "free".
//
//	63                                     16 15            0
//	│ upper 48 bits of the hash              │ len(key) + 1 │
func metaOf(hash uint64, key []byte) uint64 { return hash&^0xffff | uint64(len(key)+1) }

// cut cuts a key into its head and its end.
func cut(key []byte) (head, end []byte) {
	n := max(0, len(key)-inline)
	return key[:n], key[n:]
}

// endsIn reports whether end is the end of the slot's key, eight bytes at a time. Precondition:
// s.meta is the meta word of the whole key, so the lengths are equal.
func (s *slot) endsIn(end []byte) bool {
	i := 0
	for ; len(end)-8*i >= 8; i++ {
		if s.end[i].Load() != binary.LittleEndian.Uint64(end[8*i:]) {
			return false
		}
	}
	return len(end) == 8*i || s.end[i].Load() == lastWord(end)
}

// lastWord returns the last bytes of b, those beyond a multiple of 8, as a little-endian word
// with zeros above. It reads the last eight bytes and shifts, instead of a loop over up to
// seven. Precondition: there are some.
func lastWord(b []byte) uint64 {
	rest := len(b) % 8
	if len(b) > 8 {
		return binary.LittleEndian.Uint64(b[len(b)-8:]) >> (64 - 8*rest)
	}
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:])
}

// setEnd stores the end of the slot's key.
func (s *slot) setEnd(end []byte) {
	var padded [inline]byte
	copy(padded[:], end)
	for i := range s.end {
		s.end[i].Store(binary.LittleEndian.Uint64(padded[8*i:]))
	}
}

// appendEnd appends the end of the slot's key.
func (s *slot) appendEnd(dst []byte) []byte {
	start := len(dst)
	for i := range s.end {
		dst = binary.LittleEndian.AppendUint64(dst, s.end[i].Load())
	}
	return dst[:start+min(inline, s.keySize())]
}

// keySize returns the length of the key. Precondition: s is not free.
func (s *slot) keySize() int { return int(s.meta.Load()&0xffff) - 1 }

// move copies t to s.
func (s *slot) move(t *slot) {
	s.meta.Store(t.meta.Load())
	s.value.Store(t.value.Load())
	s.head.Store(t.head.Load())
	s.stamp.Store(t.stamp.Load())
	for i := range s.end {
		s.end[i].Store(t.end[i].Load())
	}
}

// A table is a hash table by open addressing, a third of it free. Its length need not be a
// power of two, so that it is no longer than necessary: rounding up would double the memory for
// many bounds.
type table []slot

// home returns where an entry belongs, unless the slots from there on are taken: the upper 32
// bits of the hash as a fraction of the length, which costs a multiplication where a remainder
// costs a division. Precondition: t is not empty.
func (t table) home(meta uint64) int { return int(meta >> 32 * uint64(len(t)) >> 32) }

// next returns the slot after i.
func (t table) next(i int) int {
	if i++; i == len(t) {
		return 0
	}
	return i
}

// place returns the free slot for an entry. Precondition: there is one.
func (t table) place(meta uint64) *slot {
	i := t.home(meta)
	for t[i].meta.Load() != 0 {
		i = t.next(i)
	}
	return &t[i]
}

// free frees slot i, and moves entries behind it up that lookup would not find past the gap
// (Knuth, volume 3, section 6.4, algorithm R). There are no tombstones, so a table never
// degrades.
//
//	         i          j
//	│ home A │ ▒ freed  │ B, home at or before i │   B moves to i, and its slot is freed next
//	│ home A │ ▒ freed  │ C, home after i        │   C stays
func (t table) free(i int) {
	for j := t.next(i); ; j = t.next(j) {
		meta := t[j].meta.Load()
		if meta == 0 {
			break
		}
		// The entry in j may stay if its home is behind i, up to j, in the circle.
		if h := t.home(meta); (j-h+len(t))%len(t) < (j-i+len(t))%len(t) {
			continue
		}
		t[i].move(&t[j])
		i = j
	}
	t[i].meta.Store(0)
}
