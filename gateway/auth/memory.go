package auth

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// A memory holds what was found out about values such as tokens, until it expires. The rules are:
//
//   - a value is found by its hash and compared whole: two values of one hash are two;
//   - who looks takes no lock and writes nothing, but for a mark where there is none: event loops do so for each request;
//   - it is bounded in entries and bytes. What was not looked for of late goes first (second chance), so values that somebody
//     makes up displace one another before they displace what is in use.
//
// The zero memory remembers nothing.
type memory[V any] struct {
	most  int // entries
	bytes int // of all, at most
	// tail is how many bytes at the end of a key are hashed, 0: all. It is for keys that clients cannot choose.
	tail int

	seed    maphash.Seed
	sets    atomic.Pointer[[]memorySet[V]] // nil until there is something
	entries atomic.Int64
	size    atomic.Int64

	mu   sync.Mutex // who remembers
	hand int        // the next set to be looked at for what can go
}

// ways are the places of a value.
const ways = 4

type memorySet[V any] [ways]atomic.Pointer[remembered[V]]

type remembered[V any] struct {
	hash    uint64
	key     string
	value   V
	expires int64 // Unix nanoseconds
	size    int
	used    atomic.Bool
}

// maxEntry is the part of all bytes, as a divisor, that one entry may take.
const maxEntry = 16

// entryOverhead is about what an entry takes beside its key and value, in bytes.
const entryOverhead = 160

func newMemory[V any](most, bytes int) *memory[V] {
	return &memory[V]{most: most, bytes: bytes, seed: maphash.MakeSeed()}
}

// ofSigned returns m for keys that end with a signature that was verified: its last bytes tell two keys apart as well as all do.
func (m *memory[V]) ofSigned() *memory[V] {
	m.tail = 64
	return m
}

func (m *memory[V]) hash(key []byte) uint64 {
	if m.tail > 0 && len(key) > m.tail {
		key = key[len(key)-m.tail:]
	}
	return maphash.Bytes(m.seed, key)
}

// get returns what is known of a key. It allocates nothing.
func (m *memory[V]) get(key []byte, now time.Time) (v V, ok bool) {
	sets := m.sets.Load()
	if sets == nil {
		return v, false
	}
	hash := m.hash(key)
	set := &(*sets)[hash&uint64(len(*sets)-1)]
	for i := range set {
		e := set[i].Load()
		if e == nil || e.hash != hash || e.key != string(key) {
			continue
		}
		if now.UnixNano() >= e.expires {
			return v, false
		}
		if !e.used.Load() {
			e.used.Store(true)
		}
		return e.value, true
	}
	return v, false
}

// getString is get for a text.
func (m *memory[V]) getString(key string, now time.Time) (v V, ok bool) {
	return m.get(unsafe.Slice(unsafe.StringData(key), len(key)), now) // which does not write to it
}

// put remembers the value of a key, of so many bytes, until it expires.
func (m *memory[V]) put(key string, value V, size int, now, expires time.Time) {
	size += len(key) + entryOverhead
	if m.most == 0 || size > m.bytes/maxEntry || !now.Before(expires) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	sets := m.sets.Load()
	if sets == nil {
		fresh := make([]memorySet[V], max(1, 1<<bits.Len(uint(2*m.most/ways-1)))) // half of the places stay free
		sets = &fresh
		m.sets.Store(sets)
	}
	hash := m.hash([]byte(key))
	set := &(*sets)[hash&uint64(len(*sets)-1)]
	e := &remembered[V]{hash: hash, key: key, value: value, expires: nanoseconds(expires), size: size}
	m.replace(m.place(set, e, now), e)
	for step := 0; m.entries.Load() > int64(m.most) || m.size.Load() > int64(m.bytes); step++ {
		m.evict(*sets, e, now, step > len(*sets))
	}
}

// nanoseconds returns a time as Unix nanoseconds, or the last one that can be written so: there are tokens that expire in the year 9999.
func nanoseconds(t time.Time) int64 {
	if t.Unix() >= math.MaxInt64/int64(time.Second) {
		return math.MaxInt64
	}
	return t.UnixNano()
}

// place chooses where in a set an entry goes.
func (m *memory[V]) place(set *memorySet[V], e *remembered[V], now time.Time) *atomic.Pointer[remembered[V]] {
	var free, idle *atomic.Pointer[remembered[V]]
	for i := range set {
		switch old := set[i].Load(); {
		case old == nil:
			free = &set[i]
		case old.hash == e.hash && old.key == e.key:
			return &set[i]
		case old.expires <= now.UnixNano() || !old.used.Swap(false):
			idle = &set[i]
		}
	}
	switch {
	case free != nil:
		return free
	case idle != nil:
		return idle
	}
	return &set[e.hash>>32%ways]
}

// replace puts an entry, or nothing, where another may be.
func (m *memory[V]) replace(at *atomic.Pointer[remembered[V]], e *remembered[V]) {
	if old := at.Swap(e); old != nil {
		m.entries.Add(-1)
		m.size.Add(-int64(old.size))
	}
	if e != nil {
		m.entries.Add(1)
		m.size.Add(int64(e.size))
	}
}

// evict goes on through the sets by one, and drops what has expired or was not looked for since the last time, but keep;
// or all, if it has gone round without enough of these.
func (m *memory[V]) evict(sets []memorySet[V], keep *remembered[V], now time.Time, all bool) {
	set := &sets[m.hand%len(sets)]
	m.hand = (m.hand + 1) % len(sets)
	for i := range set {
		if e := set[i].Load(); e != nil && e != keep && (all || e.expires <= now.UnixNano() || !e.used.Swap(false)) {
			m.replace(&set[i], nil)
		}
	}
}
