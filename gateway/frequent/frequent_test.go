package frequent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// FuzzList holds the list to exact counts: each entry is at most Over too high and never too low, what is not in the list is
// no more frequent than its rarest entry, and nothing is counted that did not happen.
func FuzzList(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint16(1000))
	f.Add(uint64(2), uint16(1000), uint16(5000))
	f.Add(uint64(3), uint16(257), uint16(257))
	f.Fuzz(func(t *testing.T, seed uint64, keys, n uint16) {
		var l List[named]
		exact := map[string]uint64{}
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range n {
			// Low numbers are much more frequent than high ones.
			key := fmt.Sprint(r.IntN(1 + r.IntN(1+int(keys))))
			note(&l, key, time.Unix(int64(i), 0))
			exact[key]++
		}
		var sum, least uint64
		for _, e := range listed(&l) {
			truth := exact[e.name]
			if e.Count < truth || e.Count-e.Over > truth || e.Last.Unix() >= int64(n) {
				t.Errorf("%+v, want %d", e, truth)
			}
			if least != 0 && e.Count > least {
				t.Errorf("%+v stands behind one of %d", e, least)
			}
			delete(exact, e.name)
			sum, least = sum+e.Count, e.Count
		}
		for key, truth := range exact {
			if truth > least || len(l.entries) < Max {
				t.Errorf("%s: %d, is not in the list, whose rarest has %d", key, truth, least)
			}
		}
		if sum != uint64(n) || len(l.entries) > Max || len(l.index) != len(l.entries) || len(l.counts) != len(l.entries) {
			t.Errorf("%d of %d in %d entries, %d in the index, %d counts", sum, n, len(l.entries), len(l.index), len(l.counts))
		}
	})
}

// named is an entry that is all key.
type named struct {
	name string
	Frequency
}

// note counts name in a list of names.
func note(l *List[named], name string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, isNew := l.Count([]byte(name), now); isNew {
		e.name = name
	}
}

func listed(l *List[named]) []named { return l.All(func(e *named, f Frequency) { e.Frequency = f }) }

func TestListKeep(t *testing.T) {
	var l List[named]
	for i := range 10 {
		for _, side := range []string{"a", "b"} {
			note(&l, fmt.Sprint(side, i), time.Time{})
		}
	}
	l.Keep(func(e *named) bool { return e.name[0] == 'b' })
	note(&l, "b3", time.Time{})
	note(&l, "c", time.Time{})
	list := listed(&l)
	if len(list) != 11 || list[0].name != "b3" || list[0].Count != 2 || slices.ContainsFunc(list, func(e named) bool { return e.name[0] == 'a' }) {
		t.Errorf("%+v", list)
	}
}

func TestListConcurrently(t *testing.T) {
	var l List[named]
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 1000 {
				note(&l, fmt.Sprint(i%300), time.Time{})
				if i%100 == 0 {
					listed(&l)
					l.Keep(func(*named) bool { return true })
				}
			}
		})
	}
	all.Wait()
}
