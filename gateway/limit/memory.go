package limit

import (
	"sync/atomic"
	"unsafe"
)

// A Memory remembers keys that a table evicted while they were not idle, for as long as one can take to become idle, and at most
// twice as long. It never forgets one earlier. It may take another key for one of them: once in a thousand while a million were
// evicted in that time, once in twenty at five million.
// It takes up to 8 MiB. The zero Memory is empty. It is safe for concurrent use.
type Memory struct{ now atomic.Pointer[memories] }

// memories are of evictions since a time, and of those before.
type memories struct {
	since    int64
	current  *filter
	previous *filter // or nil
}

// A filter is a Bloom filter of three bits for each key.
type filter [1 << 19]atomic.Uint64

func bits(hash uint64) [3]uint32 {
	const mask = uint32(len(filter{})*64 - 1)
	return [3]uint32{uint32(hash) & mask, uint32(hash>>32) & mask, uint32(hash*0x9e3779b97f4a7c15>>32) & mask}
}

func (f *filter) add(hash uint64) {
	for _, b := range bits(hash) {
		f[b/64].Or(1 << (b % 64))
	}
}

func (f *filter) has(hash uint64) bool {
	for _, b := range bits(hash) {
		if f[b/64].Load()>>(b%64)&1 == 0 {
			return false
		}
	}
	return true
}

// Add remembers a key by its hash. No key is further ahead of now than ahead, in nanoseconds.
func (m *Memory) Add(hash uint64, now, ahead int64) {
	old := m.now.Load()
	if old == nil || now-old.since >= ahead {
		next := &memories{since: now, current: new(filter)}
		if old != nil && now-old.since < 2*ahead {
			next.previous = old.current
		}
		m.now.CompareAndSwap(old, next)
		old = m.now.Load()
	}
	old.current.add(hash)
}

// Has reports whether a key was remembered, and may still not be idle.
func (m *Memory) Has(hash uint64, now, ahead int64) bool {
	at := m.now.Load()
	return at != nil && (now-at.since < 2*ahead && at.current.has(hash) || at.previous != nil && now-at.since < ahead && at.previous.has(hash))
}

// Bytes returns how much memory m has.
func (m *Memory) Bytes() int {
	at := m.now.Load()
	switch {
	case at == nil:
		return 0
	case at.previous == nil:
		return int(unsafe.Sizeof(filter{}))
	}
	return 2 * int(unsafe.Sizeof(filter{}))
}
