package cache_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/cache"
)

// twin is the obvious LRU: a slice, most recently used last. It has no shards, so it is compared
// on what holds whatever the sharding: what is found, and with which value.
type twin struct {
	keys   []string
	values map[string]string
}

func TestAgreesWithTwin(t *testing.T) {
	// Within capacity nothing is ever forgotten, so every answer must be equal.
	c := cache.New(64 * 1000)
	w := twin{values: map[string]string{}}
	r := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for range 20_000 {
		n := r.IntN(500)
		key := fmt.Sprintf("%*d", n, n) // of up to 500 bytes
		if r.IntN(2) == 0 {
			value := fmt.Sprint(r.IntN(1000))
			if _, ok := w.values[key]; !ok {
				w.keys = append(w.keys, key)
			}
			w.values[key] = value
			c.Add([]byte(key), []byte(value))
		}
		got, ok := c.Get([]byte(key))
		want, known := w.values[key]
		if ok != known || string(got) != want {
			t.Fatalf("Get(%q) = %q, %t, want %q, %t", key, got, ok, want, known)
		}
		if ok {
			hits++
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d hits: the test compares too little", hits)
	}
	if c.Len() != len(w.keys) {
		t.Errorf("Len() = %d, want %d", c.Len(), len(w.keys))
	}
}

func TestForgetsLeastRecentlyUsed(t *testing.T) {
	// One entry a shard: a key is found again exactly if no other of its shard came after it.
	c := cache.New(1)
	last := []byte("last")
	for i := range 10_000 {
		c.Add(binary.AppendUvarint(nil, uint64(i)), []byte("x"))
	}
	c.Add(last, []byte("y"))
	if v, ok := c.Get(last); !ok || string(v) != "y" {
		t.Errorf("Get(last added) = %q, %t, want y, true", v, ok)
	}
	if c.Len() > 64 {
		t.Errorf("Len() = %d, want at most one a shard", c.Len())
	}
}

func TestFloodDoesNotGrow(t *testing.T) {
	const entries = 640
	c := cache.New(entries)
	for i := range 100_000 {
		c.Add(fmt.Appendf(nil, "https://%d.example.com", i), []byte("x"))
		if i%1000 == 0 && c.Len() > entries {
			t.Fatalf("after %d keys Len() = %d, want at most %d", i, c.Len(), entries)
		}
	}
}

// Entries that are made large displace more, and what is stored twice counts once.
func TestBytes(t *testing.T) {
	const entries = 6400
	c := cache.New(entries)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 50_000 {
		c.Add(fmt.Appendf(nil, "%0512d", r.IntN(20_000)), make([]byte, r.IntN(1000)))
		if i%1000 == 0 && (c.Bytes() > entries*cache.PerEntry || c.Len() > entries) {
			t.Fatalf("after %d entries: %d bytes in %d, want at most %d in %d", i, c.Bytes(), c.Len(), entries*cache.PerEntry, entries)
		}
	}
	if least := entries * cache.PerEntry * 9 / 10; c.Bytes() < least {
		t.Errorf("%d bytes, want at least %d: too much is forgotten", c.Bytes(), least)
	}
	one := cache.New(1)
	for i := range 100 {
		one.Add([]byte("key"), make([]byte, i))
	}
	if got, want := one.Bytes(), 96+100+3+99; got != want || one.Len() != 1 {
		t.Errorf("%d bytes in %d entries, want %d in 1", got, one.Len(), want)
	}
	one.Add([]byte("key"), make([]byte, 5000)) // too large: the old value does not stay either
	if _, ok := one.Get([]byte("key")); ok || one.Bytes() != 0 {
		t.Errorf("found: %t, %d bytes, want false, 0", ok, one.Bytes())
	}
}

// In a full cache an entry that is offered is stored sooner or later; in one with room at once.
func TestOffer(t *testing.T) {
	c := cache.New(64)
	key := []byte("key")
	c.Offer(key, []byte("a"))
	if v, ok := c.Get(key); !ok || string(v) != "a" {
		t.Errorf("Get = %q, %t, want a, true", v, ok)
	}
	for i := range 10_000 {
		c.Add(binary.AppendUvarint(nil, uint64(i)), nil)
	}
	stored := 0
	for i := range 8000 {
		key := fmt.Append(nil, i)
		c.Offer(key, nil)
		if _, ok := c.Get(key); ok {
			stored++
		}
	}
	if stored < 900 || stored > 1100 {
		t.Errorf("%d of 8000 offers were taken, want 1000", stored)
	}
	for n := 1; ; n++ {
		c.Offer(key, nil)
		if _, ok := c.Get(key); ok {
			break
		}
		if n == 8 {
			t.Fatal("offered 8 times, and not stored")
		}
	}
}

func TestAddCopiesKey(t *testing.T) {
	c := cache.New(10)
	key := []byte("aaaa")
	c.Add(key, []byte("1"))
	copy(key, "bbbb")
	if _, ok := c.Get([]byte("aaaa")); !ok {
		t.Error("the entry went with the caller's buffer")
	}
	if _, ok := c.Get([]byte("bbbb")); ok {
		t.Error("the entry's key is the caller's buffer")
	}
}

func TestGetAllocatesNothing(t *testing.T) {
	c := cache.New(1000)
	key, absent := []byte("https://example.com PUT"), []byte("https://example.org PUT")
	c.Add(key, []byte("value"))
	if n := testing.AllocsPerRun(100, func() { c.Get(key); c.Get(absent) }); n != 0 {
		t.Errorf("Get allocates %v times, want 0", n)
	}
}

// An entry whose value is there already takes no memory, once there are as many as there may be.
func TestAddAllocatesNothing(t *testing.T) {
	c := cache.New(64)
	key, value := []byte("https://00000000.example.com"), []byte("value")
	i := 0
	add := func() {
		binary.BigEndian.PutUint64(key[8:], uint64(i))
		i++
		c.Add(key, value)
	}
	for range 10_000 {
		add()
	}
	if n := testing.AllocsPerRun(1000, add); n != 0 {
		t.Errorf("Add allocates %v times, want 0", n)
	}
}

// Readers meet writers that forget, move and grow: they find the key's own value or none.
func TestConcurrentUse(t *testing.T) {
	c := cache.New(100)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				n := (i*7 + g) % 300
				key := fmt.Appendf(nil, "%*d", n, n)
				if v, ok := c.Get(key); ok && string(v) != string(key) {
					t.Errorf("goroutine %d: Get(%q) = %q", g, key, v)
				}
				c.Add(key, key)
			}
		})
	}
	wg.Wait()
}

func BenchmarkGet(b *testing.B) {
	for _, entries := range []int{1, 1000, 65536} {
		c := cache.New(65536 * 2)
		keys := make([][]byte, entries)
		for i := range keys {
			keys[i] = fmt.Appendf(nil, "\x00\x00\x00\x01\x00\x18https://%d.example.com\x00\x03PUT\x00\x0dauthorization", i)
			c.Add(keys[i], keys[i])
		}
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := c.Get(keys[i%entries]); !ok && entries == 1 {
					b.Fatal("a miss")
				}
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		c := cache.New(65536)
		key := []byte("https://example.com PUT")
		c.Add(key, key)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.Get(key)
			}
		})
	})
}
