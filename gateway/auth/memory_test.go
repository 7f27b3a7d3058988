package auth

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

var begin = time.Unix(1_800_000_000, 0)

// TestMemory holds a memory against a map: what it has is what was put, and it has it until its time.
func TestMemory(t *testing.T) {
	m := newMemory[int](64, 1<<20)
	twin := map[string]int{}
	ends := map[string]time.Time{}
	r := rand.New(rand.NewPCG(1, 2))
	now := begin
	hits := 0
	for i := range 20_000 {
		now = now.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
		key := fmt.Sprint("key-", r.IntN(100))
		if r.IntN(2) == 0 {
			end := now.Add(time.Duration(r.IntN(60)-5) * time.Second)
			m.put(key, i, 10, now, end)
			if now.Before(end) {
				twin[key], ends[key] = i, end
			}
			continue
		}
		got, ok := m.get([]byte(key), now)
		if !ok {
			continue // it may have been displaced
		}
		if hits++; got != twin[key] || !now.Before(ends[key]) {
			t.Fatalf("%s at %v: %d, want %d until %v", key, now, got, twin[key], ends[key])
		}
		if n := m.entries.Load(); n > 64 {
			t.Fatalf("%d entries, want 64 at most", n)
		}
	}
	if hits < 1000 {
		t.Errorf("only %d values were found again", hits)
	}
}

// TestMemoryWhole: two keys of one hash are two.
func TestMemoryWhole(t *testing.T) {
	m := newMemory[string](16, 1<<20)
	m.put("a", "of a", 0, begin, begin.Add(time.Hour))
	sets := *m.sets.Load()
	for i := range sets {
		for k := range sets[i] {
			if e := sets[i][k].Load(); e != nil {
				forged := &remembered[string]{hash: e.hash, key: "b", value: "of b", expires: e.expires}
				sets[i][k].Store(forged)
			}
		}
	}
	if v, ok := m.get([]byte("a"), begin); ok {
		t.Errorf("a, whose hash another key has, is %q", v)
	}
}

// TestMemoryBounds: bytes are bounded, too, and what is in use outlives what somebody makes up.
func TestMemoryBounds(t *testing.T) {
	const bytes = 256 << 10
	m := newMemory[int](10_000, bytes)
	end := begin.Add(time.Hour)
	m.put(strings.Repeat("x", bytes), 1, 0, begin, end)
	if m.entries.Load() != 0 {
		t.Error("an entry as large as all is kept")
	}
	const honest = 20
	for i := range honest {
		m.put(fmt.Sprint("honest ", i), i, 0, begin, end)
	}
	for i := range 5000 {
		m.put(fmt.Sprint("made up ", i, strings.Repeat(".", 1000)), i, 0, begin, end)
		if n := m.size.Load(); n > bytes {
			t.Fatalf("%d bytes, want %d at most", n, bytes)
		}
		for k := range honest {
			m.get(fmt.Appendf(nil, "honest %d", k), begin)
		}
	}
	found := 0
	for k := range honest {
		if _, ok := m.get(fmt.Appendf(nil, "honest %d", k), begin); ok {
			found++
		}
	}
	if found < honest*3/4 {
		t.Errorf("%d of %d values that are in use are left", found, honest)
	}
	none := newMemory[int](0, 0)
	none.put("a", 1, 0, begin, end)
	if _, ok := none.get([]byte("a"), begin); ok {
		t.Error("a memory of nothing remembers")
	}
}

// TestMemoryFarEnd: tokens that expire after the last time that 64 bits of nanoseconds hold are remembered.
func TestMemoryFarEnd(t *testing.T) {
	for _, end := range []int64{9_999_999_999, 253_402_300_799, 1 << 40} {
		m := newMemory[int](16, 1<<20)
		m.put("a", 1, 0, begin, time.Unix(end, 0))
		if _, ok := m.get([]byte("a"), begin); !ok {
			t.Errorf("what expires at %d is not remembered", end)
		}
	}
}

// TestMemoryTail: keys that end alike are told apart where their ends are hashed.
func TestMemoryTail(t *testing.T) {
	m := newMemory[int](64, 1<<20).ofSigned()
	tail := strings.Repeat("t", 64)
	for i := range ways {
		m.put(fmt.Sprint(i, tail), i, 0, begin, begin.Add(time.Hour))
	}
	for i := range ways {
		if v, ok := m.get(fmt.Appendf(nil, "%d%s", i, tail), begin); !ok || v != i {
			t.Errorf("%d, %v, want %d", v, ok, i)
		}
	}
	if _, ok := m.get([]byte(tail), begin); ok {
		t.Error("a tail alone is found")
	}
}

// TestMemorySideBySide is for the race detector.
func TestMemorySideBySide(t *testing.T) {
	m := newMemory[int](50, 1<<20)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 2000 {
				key := fmt.Sprint(i * (g + 1) % 97)
				m.put(key, len(key), 0, begin, begin.Add(time.Second))
				if v, ok := m.get([]byte(key), begin); ok && v != len(key) {
					t.Errorf("%s is %d", key, v)
				}
			}
		})
	}
	all.Wait()
}
