package cache

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func newShard(most int) *shard {
	t := &texts{}
	t.init()
	s := &shard{texts: t, most: most, mostBytes: 1 << 20}
	s.table.Store(&table{})
	return s
}

// Different keys of one hash, and of one beginning, are different keys.
func TestComparesWholeKey(t *testing.T) {
	s := newShard(100)
	var keys [][]byte
	long := strings.Repeat("k", inline)
	for _, key := range []string{"", "a", "b", "aaaaaaaa", "aaaaaaab", "aaaaaaaaa", "aaaaaaaab", long, long[1:] + "x", "x" + long[1:], long + "a", long + "b", long + "aa", long + long, "x" + long + long} {
		keys = append(keys, []byte(key))
	}
	for _, key := range keys {
		if v, ok := s.get(7, key); ok {
			t.Errorf("%q is found before it is added: %q", key, v)
		}
		s.add(7, key, fmt.Appendf(nil, "value of %s", key), false)
	}
	for _, key := range keys {
		if got, ok := s.get(7, key); !ok || string(got) != "value of "+string(key) {
			t.Errorf("get(%q) = %q, %t", key, got, ok)
		}
	}
	if s.entries != len(keys) {
		t.Errorf("%d entries, want %d", s.entries, len(keys))
	}
}

// While all entries are in the sample, what goes has the earliest stamp of all: a shard is an LRU. The twin has a list.
func TestOldestGoes(t *testing.T) {
	s := newShard(sample)
	type entry struct {
		key   int
		stamp int // 2 for each insertion, and 1 more for what was asked for after it
	}
	var twin []entry
	clock := 0
	r := rand.New(rand.NewPCG(1, 2))
	key := func(i int) (uint64, []byte) { return uint64(i%5) << 60, fmt.Appendf(nil, "key-%d", i) }
	for range 20_000 {
		i := r.IntN(3 * sample)
		at := slices.IndexFunc(twin, func(e entry) bool { return e.key == i })
		hash, k := key(i)
		if _, ok := s.get(hash, k); ok != (at >= 0) {
			t.Fatalf("get(%s) = %t, want %t", k, ok, at >= 0)
		}
		if at >= 0 {
			twin[at].stamp = clock + 1
			continue
		}
		oldest := clock + 2
		for _, e := range twin {
			oldest = min(oldest, e.stamp)
		}
		full := len(twin) == sample
		s.add(hash, k, []byte("v"), false)
		clock += 2
		kept := s.recent(sample)
		twin = slices.DeleteFunc(twin, func(e entry) bool {
			_, k := key(e.key)
			gone := !slices.Contains(kept, string(k))
			if gone && (!full || e.stamp != oldest) {
				t.Fatalf("%s goes, of stamp %d, where the oldest has %d", k, e.stamp, oldest)
			}
			return gone
		})
		if twin = append(twin, entry{i, clock}); len(kept) != len(twin) {
			t.Fatalf("%d entries, want %d", len(kept), len(twin))
		}
	}
}

// A table finds what it holds, and nothing else, however many of its entries belong to the same few slots.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{1, 2, 7, 16} {
		tab, twin := make(table, size+1), map[uint64]bool{}
		find := func(meta uint64) int {
			for i := tab.home(meta); tab[i].meta.Load() != 0; i = tab.next(i) {
				if tab[i].meta.Load() == meta {
					return i
				}
			}
			return -1
		}
		for range 20_000 {
			meta := r.Uint64N(4)<<62 | 1 + r.Uint64N(10)
			switch at := find(meta); {
			case at >= 0 != twin[meta]:
				t.Fatalf("size %d: %x is found at %d, want %t", size, meta, at, twin[meta])
			case at >= 0:
				tab.free(at)
				delete(twin, meta)
			case len(twin) < size:
				tab.place(meta).meta.Store(meta)
				twin[meta] = true
			}
		}
	}
}

// A value without references is forgotten, and one with many is kept once.
func TestTexts(t *testing.T) {
	s := newShard(10)
	for i := range 1000 {
		s.add(uint64(i)<<40, append([]byte(fmt.Sprint(i%7)), bytes.Repeat([]byte("k"), inline)...), fmt.Append(nil, "value ", i%3), false)
		if n := len(s.texts.numbers); n > 7+3 {
			t.Fatalf("%d texts after %d entries, want at most 10", n, i)
		}
	}
	for range 10 {
		s.remove(s.oldest())
	}
	if len(s.texts.numbers) != 0 || s.bytes != 0 || s.entries != 0 {
		t.Errorf("%d texts and %d bytes of %d entries are left", len(s.texts.numbers), s.bytes, s.entries)
	}
}

// Whatever is added and asked for: the last value is found or none, what was just added is found, and the bounds hold.
func FuzzShard(f *testing.F) {
	f.Add([]byte("abcabcABCABC"))
	f.Add(bytes.Repeat([]byte{0, 1, 64, 65, 128, 200, 255}, 30))
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := newShard(12)
		s.mostBytes = 12 * PerEntry / 2
		twin := map[string]string{}
		for i, op := range ops {
			// Few hashes, and keys on both sides of what a slot holds.
			key := bytes.Repeat([]byte{op & 7}, int(op&15)*5)
			hash := uint64(op&3) << 61
			if op&0x80 == 0 {
				value := bytes.Repeat([]byte{byte(i)}, i%700)
				s.add(hash, key, value, false)
				twin[string(key)] = string(value)
				if got, ok := s.get(hash, key); !ok || string(got) != string(value) {
					t.Fatalf("op %d: what was just added is %q, %t", i, got, ok)
				}
			} else if got, ok := s.get(hash, key); ok && string(got) != twin[string(key)] {
				t.Fatalf("op %d: %q, want %q", i, got, twin[string(key)])
			}
			if s.entries > s.most || s.bytes > s.mostBytes || len(s.recent(100)) != s.entries {
				t.Fatalf("op %d: %d entries, %d bytes, %d keys", i, s.entries, s.bytes, len(s.recent(100)))
			}
		}
	})
}

// recent returns the n keys that were asked for last, in this order.
func (s *shard) recent(n int) []string {
	type entry struct {
		age uint32
		key string
	}
	s.mu.Lock()
	t, now := *s.table.Load(), s.clock.Load()+1
	all := make([]entry, 0, s.entries)
	for i := range t {
		if e := &t[i]; e.meta.Load() != 0 {
			key := string(e.appendEnd(slices.Clone(s.texts.get(e.head.Load()))))
			all = append(all, entry{now - e.stamp.Load(), key})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(b.age, a.age) })
	all = all[max(0, len(all)-n):]
	keys := make([]string, len(all))
	for i := range all {
		keys[i] = all[i].key
	}
	return keys
}
