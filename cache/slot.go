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

// A slot is an entry of a table, or free: one cache line. A writer may change it while it is read, hence the atomic fields; what a
// reader has put together counts only if the shard's version is still the same afterwards.
//
// The end of the key is in it, where keys differ most. The part before it is a text, which many keys may share:
//
//	key    │ head: a text                │ end: the last 40 bytes    │
//	            │                              │
//	slot   │ meta 8 │ value 4 │ head 4 │ stamp 4 │ 4 unused │ end 40 │   64 bytes
//	                     │         │
//	texts         number → bytes, kept once for all slots that have them
type slot struct {
	meta  atomic.Uint64 // upper 48 bits of the key's hash, length of the key plus 1; 0: free
	value atomic.Uint32 // text
	head  atomic.Uint32 // text: the key but for its end; 0: nothing
	stamp atomic.Uint32 // see shard.clock
	_     uint32
	end   [words]atomic.Uint64 // little-endian, zeros behind it
}

// metaOf returns a slot's meta.
func metaOf(hash uint64, key []byte) uint64 { return hash&^0xffff | uint64(len(key)+1) }

// cut cuts a key into its head and its end.
func cut(key []byte) (head, end []byte) {
	n := max(0, len(key)-inline)
	return key[:n], key[n:]
}

// endsIn reports whether end is the end of the slot's key. Precondition: s.meta is the meta word of
// the whole key.
func (s *slot) endsIn(end []byte) bool {
	i := 0
	for ; len(end)-8*i >= 8; i++ {
		if s.end[i].Load() != binary.LittleEndian.Uint64(end[8*i:]) {
			return false
		}
	}
	return len(end) == 8*i || s.end[i].Load() == lastWord(end)
}

// lastWord returns the last bytes of b, those beyond a multiple of 8. Precondition: there are some.
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

// move makes s what t is.
func (s *slot) move(t *slot) {
	s.meta.Store(t.meta.Load())
	s.value.Store(t.value.Load())
	s.head.Store(t.head.Load())
	s.stamp.Store(t.stamp.Load())
	for i := range s.end {
		s.end[i].Store(t.end[i].Load())
	}
}

// A table is a hash table by open addressing, a third of it free. Its length is not a power of two, so that it is no longer than it
// needs to be.
type table []slot

// home returns where an entry belongs, unless the slots from there on are taken. Precondition: t is not empty.
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

// free frees slot i, and moves those behind it that could not be found any more up.
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
