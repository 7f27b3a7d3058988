// Package cache maps byte strings to byte strings, bounded in entries and in bytes, and evicts the
// least recently used entries: it is the preflight cache.
//
// A lookup must take less time than computing the value, which is little: a miss of the processor's cache is a large part of
// it. So an entry is one cache line of a table without pointers, which the garbage collector does not scan; readers take no
// lock; and equal values are stored once, as are common prefixes of keys, so that these stay in the processor's cache. Keys
// should differ in their last 40 bytes.
//
// It is an LRU with two approximations, like that in Redis: time is counted in insertions, so
// entries that were read between the same two insertions have equal rank; and the evicted entry is
// the oldest of a sample of eight, not of all. There is no removal, no expiry and no callback: the
// cache belongs to one configuration and is dropped with it.
package cache

import "hash/maphash"

// shards is a power of two, several times what two cores need to rarely meet, few enough that a
// small cache still has a sensible number of entries in each.
const shards = 64

const (
	// PerEntry is how many bytes an entry may have on average: the key, the value and overhead. What browsers ask takes less; what
	// is made up to take more displaces more.
	PerEntry = 640
	// leastBytes is what a shard may hold however few its entries are.
	leastBytes = 4096
	// overhead is about what an entry costs beside its key and value: a slot and a half, for a third of them stays free, and
	// a text's place in a map and a list.
	overhead = slotSize*3/2 + 100
)

// An LRU is a bounded map. It is safe for concurrent use.
type LRU struct {
	seed   maphash.Seed
	texts  texts
	shards [shards]shard
}

// New returns an LRU of at most entries entries, rounded up to a multiple of the shards, and of at most PerEntry bytes for each
// of them, rounded up to 4096 bytes a shard. Memory is taken as entries come. Precondition: entries > 0.
func New(entries int) *LRU {
	c := &LRU{seed: maphash.MakeSeed()}
	c.texts.init()
	for i := range c.shards {
		s := &c.shards[i]
		s.texts = &c.texts
		s.most = (entries + shards - 1) / shards
		s.mostBytes = max(leastBytes, s.most*PerEntry)
		s.table.Store(&table{})
	}
	return c
}

// Get returns the value stored under key. The value is shared: it must not be modified. key is
// not kept, and nothing is allocated.
func (c *LRU) Get(key []byte) ([]byte, bool) {
	hash := maphash.Bytes(c.seed, key)
	return c.shard(hash).get(hash, key)
}

// Add stores value under key, and evicts entries if there is no room. It copies both. An entry that
// is too large for a shard is not stored.
func (c *LRU) Add(key, value []byte) {
	hash := maphash.Bytes(c.seed, key)
	c.shard(hash).add(hash, key, value, false)
}

// Offer is Add for callers that do not know whether the key will ever be asked for again. When the
// cache is full it stores one entry of eight and ignores the others: an entry that is read often is
// soon offered again, while a flood of entries that are read once costs little and displaces
// little.
func (c *LRU) Offer(key, value []byte) {
	hash := maphash.Bytes(c.seed, key)
	c.shard(hash).add(hash, key, value, true)
}

// Bytes returns how many bytes the entries take, about: it is more than that where values are equal.
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
		n += s.entries
		s.mu.Unlock()
	}
	return n
}

// shard chooses by a seeded hash: a client that invents keys cannot aim at one shard. It takes bits that a slot's meta leaves out.
func (c *LRU) shard(hash uint64) *shard { return &c.shards[hash%shards] }
