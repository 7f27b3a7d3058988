// Package frequent keeps the most frequent of the values that it counts, in bounded memory.
//
// It is the space-saving algorithm: when the list is full a new entry takes the place of the rarest and inherits its
// count, so that every value with more than 1/256 of the total is in it. See Metwally, Agrawal and El Abbadi, "Efficient
// computation of frequent and top-k elements in data streams", 2005. A client that invents origins can displace only
// rare entries.
package frequent

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Max is how many entries a list has at most.
const Max = 256

// A Frequency says how often something has happened to requests, and when last.
type Frequency struct {
	// Count is the number of such requests. It is exact if Over is 0, and else at most Over too high.
	Count uint64 `json:"count"`
	Over  uint64 `json:"over"`
	// Last is the time of the latest: what a change of the configuration has mended is old.
	Last time.Time `json:"last"`
}

// A List is a list of the most frequent. It is safe for concurrent use; the zero List is empty.
type List[E any] struct {
	mu      sync.Mutex
	entries []entry[E]
	counts  []uint64       // of entries, side by side: the rarest is looked for each time that an entry is displaced
	index   map[string]int // of entries, by key
}

type entry[E any] struct {
	is   E
	key  string
	over uint64
	last time.Time
}

// Lock locks l for [List.Count].
func (l *List[E]) Lock() { l.mu.Lock() }

// Unlock unlocks l.
func (l *List[E]) Unlock() { l.mu.Unlock() }

// Count counts key, which is not kept, and returns its entry, which is zero and for the caller to describe if it is new.
// Nothing is allocated for what is in the list. Precondition: l is locked, and stays so until the caller is done with the
// entry.
func (l *List[E]) Count(key []byte, now time.Time) (e *E, isNew bool) {
	i, ok := l.index[string(key)]
	if !ok {
		i = l.enter(string(key))
	}
	l.counts[i]++
	l.entries[i].last = now
	return &l.entries[i].is, !ok
}

// enter makes room for key and returns where.
func (l *List[E]) enter(key string) int {
	if l.index == nil {
		l.index = make(map[string]int, Max)
	}
	i, over := len(l.entries), uint64(0)
	if i < Max {
		l.entries, l.counts = append(l.entries, entry[E]{}), append(l.counts, 0)
	} else {
		i = 0
		for j, n := range l.counts {
			if n < l.counts[i] {
				i = j
			}
		}
		over = l.counts[i]
		delete(l.index, l.entries[i].key)
	}
	l.entries[i], l.index[key] = entry[E]{key: key, over: over}, i
	return i
}

// Keep removes all entries but those for which wanted reports true. It locks l.
func (l *List[E]) Keep(wanted func(*E) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.index)
	n := 0
	for i := range l.entries {
		if e := l.entries[i]; wanted(&e.is) {
			l.entries[n], l.counts[n], l.index[e.key] = e, l.counts[i], n
			n++
		}
	}
	clear(l.entries[n:])
	l.entries, l.counts = l.entries[:n], l.counts[:n]
}

// All returns copies of the entries, the most frequent first, each after set was told its frequency. It locks l.
func (l *List[E]) All(set func(*E, Frequency)) []E {
	type row struct {
		entry[E]
		count uint64
	}
	l.mu.Lock()
	rows := make([]row, len(l.entries))
	for i, e := range l.entries {
		rows[i] = row{e, l.counts[i]}
	}
	l.mu.Unlock()
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key)) })
	list := make([]E, len(rows))
	for i, r := range rows {
		list[i] = r.is
		set(&list[i], Frequency{Count: r.count, Over: r.over, Last: r.last})
	}
	return list
}
