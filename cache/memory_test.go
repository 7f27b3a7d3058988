package cache_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/corsgate/corsgate/cache"
)

// heap returns how many bytes of the heap are in use after f beyond those before.
func heap(f func() *cache.LRU) (grown int, c *cache.LRU) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c = f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int(after.HeapAlloc) - int(before.HeapAlloc), c
}

// What is made up to take the most takes what Bytes says, about; what pages ask takes a sixth of the bound.
func TestMemory(t *testing.T) {
	const entries = 4096
	f := func(what string, most int, add func(c *cache.LRU, i int)) {
		t.Helper()
		grown, c := heap(func() *cache.LRU {
			c := cache.New(entries)
			for i := range 2 * entries {
				add(c, i)
			}
			return c
		})
		t.Logf("%s: %d bytes an entry, %d entries, Bytes %d", what, grown/c.Len(), c.Len(), c.Bytes())
		if grown > most {
			t.Errorf("%s: %d bytes, want at most %d", what, grown, most)
		}
		runtime.KeepAlive(c)
	}
	answer := bytes.Repeat([]byte("a"), 330)
	f("pages of different origins", entries*128, func(c *cache.LRU, i int) {
		c.Add(fmt.Appendf(nil, "\x00\x00\x00\x01\x00\x00\x03PUT\x00\x1aauthorization,content-type\x00\x1ehttps://%010d.example.com", i), answer)
	})
	for _, size := range []int{30, 100, 200, 400, 800} {
		f(fmt.Sprintf("all different, of %d bytes", size), entries*cache.PerEntry*5/4, func(c *cache.LRU, i int) {
			c.Add(fmt.Appendf(nil, "%d%0*d", i, size, i), fmt.Appendf(nil, "%0*d", size, i))
		})
	}
}
