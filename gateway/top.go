package gateway

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/corsgate/corsgate/matcher"
)

// maxTop bounds a list of what is most frequent: who invents origins cannot make it longer.
const maxTop = 256

// A Frequency says how often something has happened to requests, and when last.
type Frequency struct {
	// Count is the number of such requests. It is exact if Over is 0, and else at most Over too high.
	Count uint64 `json:"count"`
	Over  uint64 `json:"over"`
	// Last is the time of the latest: what a change of the configuration has mended is old.
	Last time.Time `json:"last"`
}

// top is a list of the most frequent of what it is told. It is safe for concurrent use; the zero list is empty.
//
// It is the space-saving algorithm: when the list is full a new entry takes the place of the rarest and inherits its
// count, so that whatever made more than 1/256 of all is in it. See Metwally, Agrawal and El Abbadi, "Efficient
// computation of frequent and top-k elements in data streams", 2005.
type top[E any] struct {
	mu      sync.Mutex
	entries []topEntry[E]
	counts  []uint64       // of entries, side by side: whoever invents origins has the rarest looked for each time
	index   map[string]int // of entries, by key
}

type topEntry[E any] struct {
	is   E
	key  string
	over uint64
	last time.Time
}

// count counts key, which is not kept, and returns its entry, which is zero and the caller's to describe if it is new.
// Nothing is allocated for what is in the list. Precondition: t.mu is held, and until the caller is done with the entry.
func (t *top[E]) count(key []byte, now time.Time) (entry *E, isNew bool) {
	i, ok := t.index[string(key)]
	if !ok {
		i = t.enter(string(key))
	}
	t.counts[i]++
	t.entries[i].last = now
	return &t.entries[i].is, !ok
}

// enter makes room for key and returns where.
func (t *top[E]) enter(key string) int {
	if t.index == nil {
		t.index = make(map[string]int, maxTop)
	}
	i, over := len(t.entries), uint64(0)
	if i < maxTop {
		t.entries, t.counts = append(t.entries, topEntry[E]{}), append(t.counts, 0)
	} else {
		i = 0
		for j, n := range t.counts {
			if n < t.counts[i] {
				i = j
			}
		}
		over = t.counts[i]
		delete(t.index, t.entries[i].key)
	}
	t.entries[i], t.index[key] = topEntry[E]{key: key, over: over}, i
	return i
}

// keep forgets all entries but those that wanted names.
func (t *top[E]) keep(wanted func(*E) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.index)
	n := 0
	for i := range t.entries {
		if e := t.entries[i]; wanted(&e.is) {
			t.entries[n], t.counts[n], t.index[e.key] = e, t.counts[i], n
			n++
		}
	}
	clear(t.entries[n:])
	t.entries, t.counts = t.entries[:n], t.counts[:n]
}

// list returns the entries, the most frequent first, each with what set makes of its frequency.
func (t *top[E]) list(set func(*E, Frequency)) []E {
	type row struct {
		topEntry[E]
		count uint64
	}
	t.mu.Lock()
	rows := make([]row, len(t.entries))
	for i, e := range t.entries {
		rows[i] = row{e, t.counts[i]}
	}
	t.mu.Unlock()
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key)) })
	list := make([]E, len(rows))
	for i, r := range rows {
		list[i] = r.is
		set(&list[i], Frequency{Count: r.count, Over: r.over, Last: r.last})
	}
	return list
}

// maxQuoted bounds what is kept of a value of Origin that is none, in bytes.
const maxQuoted = 100

// appendPrintable appends a value of Origin so that it is safe to print anywhere: a serialized origin and "null" as
// they are, what is neither quoted as in Go, and cut.
func appendPrintable(dst, origin []byte) []byte {
	if string(origin) == "null" || matcher.ValidOrigin(origin) {
		return append(dst, origin...)
	}
	return strconv.AppendQuoteToASCII(dst, string(origin[:min(len(origin), maxQuoted)]))
}
