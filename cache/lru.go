// Package cache is a bounded memory from byte strings to byte strings that forgets what was not
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

// An LRU is a bounded map. It is safe for concurrent use.
type LRU struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	entries *simplelru.LRU[string, []byte]
	_       [64 - 16]byte // neighbours do not share a cache line
}

// New returns an LRU of at most entries entries, rounded up to a multiple of the shards.
// Precondition: entries > 0.
func New(entries int) *LRU {
	c := &LRU{seed: maphash.MakeSeed()}
	for i := range c.shards {
		lru, err := simplelru.NewLRU[string, []byte]((entries+shards-1)/shards, nil)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		c.shards[i].entries = lru
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

// Add stores value under key, and forgets an entry if there is no room. It copies key and keeps
// value, which must not be modified any more.
func (c *LRU) Add(key, value []byte) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries.Add(string(key), value)
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
