// Package cache maps byte strings to byte strings, bounded in entries and in bytes, and evicts
// the least recently used entries: it is the preflight cache.
//
// A lookup must take less time than computing the value, which is little: a miss of the
// processor's cache is a large part of it. So an entry is one cache line of a table without
// pointers, which the garbage collector does not scan; readers take no lock; and equal values
// are stored once, as are common prefixes of keys, so that these stay in the processor's cache.
// Keys should differ in their last 40 bytes.
//
//	key ──hash──► shards[hash mod 64] ──► table: slots of 64 bytes, open addressing
//	                                      ┌──────┬──────┬──────┬──────┬──────┬──────┐
//	                                      │ free │ slot │ slot │ free │ slot │ free │
//	                                      └──────┴──┬───┴──────┴──────┴──────┴──────┘
//	                                                │ numbers of texts
//	            texts: 0 –  1 "…value…"  2 "…head of a key…"   one copy, counted references
//
// It is an LRU with two approximations, like that in Redis: time is counted in insertions, so
// entries that were read between the same two insertions have equal rank; and the evicted entry
// is the oldest of a sample of eight, not of all. There are no linked lists: moving an entry to
// the front of a list is a write to three cache lines, under a lock, for every read. Entries
// are not removed one by one, do not expire and have no callback: the cache belongs to one
// configuration and is dropped with it.
//
// Measured for a whole preflight, with 10 000 patterns and in random order, before (a map
// and a list behind a lock) and now: 194 and 183 ns for one entry, 373 and 223 for 10 000, 1816
// and 371 for 100 000. Computing the answer took about 300, so beyond some 50 000 entries the
// cache does not help on a machine whose misses cost that much.
package cache

import "hash/maphash"

// shards is a power of two, several times what two cores need to rarely meet, and few enough
// that a small cache still has a sensible number of entries in each.
const shards = 64

const (
	// PerEntry is how many bytes an entry may have on average: the key, the value and overhead.
	// What browsers ask takes less; what is made up to take more displaces more.
	PerEntry = 640
	// leastBytes is what a shard may hold however few its entries are.
	leastBytes = 4096
	// overhead is about what an entry costs beside its key and value: a slot and a half, for a
	// third of them stays free, and a text's place in a map and a list.
	overhead = slotSize*3/2 + 100
)

// An LRU is a bounded map. It is safe for concurrent use.
type LRU struct {
	seed   maphash.Seed
	texts  texts
	shards [shards]shard
}

// New returns an LRU of at most entries entries, rounded up to a multiple of the shards, and of
// at most PerEntry bytes for each of them, rounded up to 4096 bytes a shard. Memory is
// allocated as entries are added. Precondition: entries > 0.
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

// Get returns the value stored under key. The value is shared with other callers and with the
// cache, and stays valid after the entry is evicted: it must not be modified. key is not kept,
// and nothing is allocated.
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

// Offer is Add for callers that do not know whether the key will ever be asked for again. When
// the cache is full it stores one entry of eight and ignores the others: an entry that is read
// often is soon offered again, while a flood of entries that are read once costs little and
// displaces little. The choice counts offers and is not drawn at random: it needs no generator,
// and a client gains nothing by counting along, because others offer too.
func (c *LRU) Offer(key, value []byte) {
	hash := maphash.Bytes(c.seed, key)
	c.shard(hash).add(hash, key, value, true)
}

// Bytes returns about how many bytes the entries take. It counts every entry in full, so it is
// an upper bound where values or heads are equal and stored once.
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

// shard chooses by a seeded hash: a client that invents keys cannot aim at one shard. It takes
// the low bits, which a slot's meta leaves out, so that all 48 bits of meta still tell the
// entries of one shard apart.
func (c *LRU) shard(hash uint64) *shard { return &c.shards[hash%shards] }
