package cache_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/corsgate/corsgate/cache"
)

// Of questions that are asked as often as such things are, nearly as many are found as by an LRU without approximations; and what is
// asked for all the time stays in a flood of what is asked for once.
func TestFindsAsManyAsAnLRU(t *testing.T) {
	const entries = 1280
	c, w := cache.New(entries), newList(entries)
	zipf := rand.NewZipf(rand.New(rand.NewPCG(5, 6)), 1.05, 10, 20_000)
	hits, want := 0, 0
	ask := func(n uint64) (found bool) {
		key := binary.BigEndian.AppendUint64(nil, n)
		if w.ask(n) {
			want++
		}
		if _, found = c.Get(key); found {
			hits++
		} else {
			c.Add(key, nil)
		}
		return found
	}
	for range 50_000 {
		ask(zipf.Uint64())
	}
	if hits < want*98/100 || hits < 10_000 {
		t.Errorf("%d hits, where an LRU has %d", hits, want)
	}
	missed := 0
	for i := range uint64(20 * entries) {
		ask(1<<40 + i)
		if i%20 == 0 && !ask(1<<50+i/20%10) { // ten keys, each asked for every 200
			missed++
		}
	}
	if missed > 10 {
		t.Errorf("what is asked for all the time was missed %d times in a flood, want 10", missed)
	}
}

// A list is the obvious LRU: what was asked for last is at the end.
type list struct {
	room  int
	first *link
	last  *link
	links map[uint64]*link
}

type link struct {
	key          uint64
	older, newer *link
}

func newList(room int) *list { return &list{room: room, links: map[uint64]*link{}} }

func (l *list) ask(key uint64) (found bool) {
	at, found := l.links[key]
	if !found {
		if len(l.links) == l.room {
			delete(l.links, l.first.key)
			l.cut(l.first)
		}
		at = &link{key: key}
		l.links[key] = at
	} else {
		l.cut(at)
	}
	at.older, at.newer = l.last, nil
	if l.last != nil {
		l.last.newer = at
	} else {
		l.first = at
	}
	l.last = at
	return found
}

func (l *list) cut(at *link) {
	if at.older != nil {
		at.older.newer = at.newer
	} else {
		l.first = at.newer
	}
	if at.newer != nil {
		at.newer.older = at.older
	} else {
		l.last = at.older
	}
}
