// Package cache is a memory from byte strings to byte strings, bounded in entries and in bytes, that forgets what was not
// asked for the longest: the preflight cache.
//
// It is hashicorp/golang-lru's simplelru behind shards. An LRU read is a write, so a lock is
// needed even to read; lru.Cache has one for all cores, here it is one of many. There is no
// removal, no expiry and no callback: the cache belongs to one configuration and goes with it.
package cache

import (
	"hash/maphash"
	"sync"
	"unsafe"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// shards is a power of two, several times what two cores need to rarely meet, few enough that a
// small cache still has a sensible number of entries in each.
const shards = 64

const (
	// PerEntry is how many bytes an entry may have on average: the key, the value and overhead. What browsers ask takes less; what
	// is made up to take more displaces more.
	PerEntry = 640
	// leastBytes is what a shard may hold however few its entries are.
	leastBytes = 4096
	// overhead is about what an entry costs beside its key and value: a list's element, a place in a map, and the headers of both.
	overhead = 200
)

// An LRU is a bounded map. It is safe for concurrent use.
type LRU struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	entries *simplelru.LRU[string, []byte]
	bytes   int           // of all entries
	most    int           // bound of bytes
	_       [64 - 32]byte // neighbours do not share a cache line
}

// New returns an LRU of at most entries entries, rounded up to a multiple of the shards, and of at most PerEntry bytes for each
// of them, rounded up to 4096 bytes a shard. Precondition: entries > 0.
func New(entries int) *LRU {
	c := &LRU{seed: maphash.MakeSeed()}
	for i := range c.shards {
		s := &c.shards[i]
		share := (entries + shards - 1) / shards
		lru, err := simplelru.NewLRU(share, func(key string, value []byte) { s.bytes -= cost(len(key), len(value)) })
		if err != nil {
			panic("BUG: " + err.Error())
		}
		s.entries, s.most = lru, max(leastBytes, share*PerEntry)
	}
	return c
}

// Get returns the value stored under key. The value is shared: it must not be modified. key is
// not kept, and nothing is allocated.
func (c *LRU) Get(key []byte) ([]byte, bool) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	// A string made by conversion would be allocated, since it is passed on to another function;
	// this one does not outlive the call, because Get keeps no key.
	return s.entries.Get(unsafe.String(unsafe.SliceData(key), len(key)))
}

func cost(key, value int) int { return key + value + overhead }

// Add stores value under key, and forgets entries if there is no room. It copies key and keeps value, which must not be
// modified any more, and whose capacity should be its length. An entry that is too large for a shard is not stored.
func (c *LRU) Add(key, value []byte) {
	size := cost(len(key), len(value))
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries.Remove(unsafe.String(unsafe.SliceData(key), len(key))) // what another goroutine has added meanwhile
	if size > s.most {
		return
	}
	for s.bytes+size > s.most {
		s.entries.RemoveOldest()
	}
	s.entries.Add(string(key), value)
	s.bytes += size
}

// Bytes returns how many bytes the entries take, about.
func (c *LRU) Bytes() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += s.bytes
		s.mu.Unlock()
	}
	return n
}

// Len returns the number of entries.
func (c *LRU) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += s.entries.Len()
		s.mu.Unlock()
	}
	return n
}

// Recent returns at most n keys: of each shard those that were asked for last. It takes as long as there are entries.
func (c *LRU) Recent(n int) []string {
	var keys []string
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		all := s.entries.Keys() // the oldest first
		s.mu.Unlock()
		share := (n - len(keys) + shards - i - 1) / (shards - i)
		keys = append(keys, all[max(0, len(all)-share):]...)
	}
	return keys
}

// shard chooses by a seeded hash: whoever invents keys cannot aim at one shard.
func (c *LRU) shard(key []byte) *shard {
	return &c.shards[maphash.Bytes(c.seed, key)%shards]
}
