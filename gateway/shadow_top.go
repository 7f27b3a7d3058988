package gateway

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/corsgate/corsgate/matcher"
)

// maxShadowDiffs bounds the list of differences: who invents origins cannot make it longer.
const maxShadowDiffs = 256

// maxQuoted bounds what is kept of a value of Origin that is none, in bytes.
const maxQuoted = 100

// A ShadowDiff is what a shadow would change for the requests of an origin on a route.
type ShadowDiff struct {
	Route  string `json:"route"`
	Policy string `json:"policy"`
	Shadow string `json:"shadow"`
	// Origin is a serialized origin or "null"; what is neither is quoted as in Go, and cut.
	Origin string `json:"origin"`
	// Change is "allowed-to-denied", "denied-to-allowed" or "fields".
	Change string `json:"change"`
	// Reason is the code of the verdict that denies, of the latest request; "" where the fields differ.
	Reason string `json:"reason"`
	// Count is the number of such requests. It is exact if Over is 0, and else at most Over too high.
	Count uint64 `json:"count"`
	Over  uint64 `json:"over"`
	// Last is the time of the latest: a difference that a change of the policies has mended is old.
	Last time.Time `json:"last"`
}

// shadowTop is the list of the most frequent differences. It is safe for concurrent use; the zero list is empty.
//
// It is the space-saving algorithm: when the list is full a new entry takes the place of the rarest and inherits its
// count, so that whatever made more than 1/256 of all differences is in it. See Metwally, Agrawal and El Abbadi,
// "Efficient computation of frequent and top-k elements in data streams", 2005.
type shadowTop struct {
	mu      sync.Mutex
	entries []shadowEntry
	index   map[string]int // by key
}

type shadowEntry struct {
	ShadowDiff
	key string
}

// note counts a difference of a request with the given Origin on route r. origin is not kept. Nothing is allocated for
// what is in the list.
func (t *shadowTop) note(r *target, d difference, origin []byte, now time.Time) {
	var buf [512]byte
	key := append(buf[:0], byte(d.change))
	key = append(key, r.name...)
	key = append(key, 0)
	if string(origin) == "null" || matcher.ValidOrigin(origin) {
		key = append(key, origin...)
	} else {
		key = strconv.AppendQuoteToASCII(key, string(origin[:min(len(origin), maxQuoted)]))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.index[string(key)]
	if !ok {
		i = t.enter(string(key), ShadowDiff{
			Route: r.name, Policy: r.shadow.tables[0].Name, Shadow: r.shadow.tables[1].Name,
			Origin: string(key[len(r.name)+2:]), Change: changeNames[d.change],
		})
	}
	e := &t.entries[i]
	e.Count++
	e.Last, e.Reason = now, ""
	if d.change != otherFields {
		e.Reason = d.reason.String()
	}
}

// enter puts d in the list and returns where. Precondition: it is not there, and the lock is held.
func (t *shadowTop) enter(key string, d ShadowDiff) int {
	if t.index == nil {
		t.index = make(map[string]int, maxShadowDiffs)
	}
	i := len(t.entries)
	if i < maxShadowDiffs {
		t.entries = append(t.entries, shadowEntry{})
	} else {
		i = 0
		for j := range t.entries {
			if t.entries[j].Count < t.entries[i].Count {
				i = j
			}
		}
		d.Count, d.Over = t.entries[i].Count, t.entries[i].Count
		delete(t.index, t.entries[i].key)
	}
	t.entries[i], t.index[key] = shadowEntry{d, key}, i
	return i
}

// keep forgets the differences of all routes that are not among routes.
func (t *shadowTop) keep(routes map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = slices.DeleteFunc(t.entries, func(e shadowEntry) bool { return !routes[e.Route] })
	clear(t.index)
	for i, e := range t.entries {
		t.index[e.key] = i
	}
}

// list returns the entries, the most frequent first.
func (t *shadowTop) list() []ShadowDiff {
	t.mu.Lock()
	diffs := make([]ShadowDiff, len(t.entries))
	for i, e := range t.entries {
		diffs[i] = e.ShadowDiff
	}
	t.mu.Unlock()
	slices.SortFunc(diffs, func(a, b ShadowDiff) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Origin, b.Origin),
			cmp.Compare(a.Change, b.Change))
	})
	return diffs
}

// ShadowDiffs returns what the shadows of policies would change, the most frequent first, at most 256. The list is
// never nil. A reload keeps the counts of the routes whose policies it does not change, whatever their files of origins
// hold.
func (g *Gateway) ShadowDiffs() []ShadowDiff { return g.shadows.list() }

// keepShadows forgets the differences between policies that s has changed.
func (g *Gateway) keepShadows(prev, s *snapshot) {
	before := map[string]*shadow{}
	for _, r := range prev.routes {
		before[r.name] = r.shadow
	}
	same := map[string]bool{}
	for _, r := range s.routes {
		if old := before[r.name]; old != nil && r.shadow != nil {
			same[r.name] = old.same(r.shadow)
		}
	}
	g.shadows.keep(same)
}
