package h2

import "github.com/corsgate/corsgate/gateway/wire"

// Sizes of the dynamic table. The protocol's default is never changed, so it need not be announced.
const (
	tableSize = 4096 // as RFC 7541, section 4.1, counts
	overhead  = 32   // of an entry (the same section)
	firstMem  = 512
	lastMem   = 2 * tableSize
	firstRing = 8
)

// A table is the dynamic table of a decoder (RFC 7541, section 2.3.2). Its memory grows with
// its entries, to lastMem bytes and tableSize/overhead entries.
//
//	index   62 (newest)   63           64 (oldest)        RFC 7541, section 2.3.3
//	ring    │ … │ first: oldest │   │ newest │ … │        a circle: eviction moves first
//	             │                    │
//	mem     ░░░░│x-a: 1\r\n│cookie: k=v\r\n│x-b: 2\r\n│   ░ evicted, reclaimed by compact
//
// Entries are lines of HTTP/1.1, so an indexed field is one copy. They lie one after the other,
// and only the ring wraps around: a line that did would have to be copied twice.
type table struct {
	mem      []byte  // lines of the entries, oldest first, after those of evicted ones
	ring     []entry // its length is a power of two
	first, n int     // the oldest entry, and how many there are
	size     int     // of the entries
	max      int     // of size
}

// An entry is a line of the table.
type entry struct {
	at, name, value uint16 // where the line is in mem, and the lengths of its parts
	kind            kind
	id              wire.FieldID
	bad             bool
}

// entry returns an entry; 0 is the newest.
func (t *table) entry(i int) *entry { return &t.ring[(t.first+t.n-1-i)&(len(t.ring)-1)] }

// size returns how long the line of an entry is.
func (e *entry) size() int { return int(e.name) + int(e.value) + len(": \r\n") }

// line returns an entry as a line, which is valid until the table changes; 0 is the newest.
func (t *table) line(i int) line {
	e := t.entry(i)
	return line{text: t.mem[e.at:][:e.size()], name: int(e.name), kind: e.kind, id: e.id, bad: e.bad}
}

// resize changes how large the table may be. See RFC 7541, section 4.3.
func (t *table) resize(size int) {
	t.max = size
	t.evict(size)
}

// evict drops the oldest entries until size is at most room.
func (t *table) evict(room int) {
	for t.size > room {
		e := &t.ring[t.first]
		t.size -= int(e.name) + int(e.value) + overhead
		t.first = (t.first + 1) & (len(t.ring) - 1)
		t.n--
	}
}

// add makes l the newest entry. One that is too large for the table empties it. See RFC 7541,
// section 4.4. l must not be of the table's memory.
func (t *table) add(l *line) {
	size := len(l.text) - len(": \r\n") + overhead
	if size > t.max {
		t.evict(0)
		return
	}
	t.evict(t.max - size)
	if t.n == len(t.ring) {
		t.growRing()
	}
	if len(t.mem)+len(l.text) > cap(t.mem) {
		t.compact(len(l.text))
	}
	t.ring[(t.first+t.n)&(len(t.ring)-1)] = entry{
		at: uint16(len(t.mem)), name: uint16(l.name), value: uint16(len(l.text) - l.name - 4), kind: l.kind, id: l.id, bad: l.bad,
	}
	t.mem = append(t.mem, l.text...)
	t.n++
	t.size += size
}

// growRing doubles the ring, with the oldest entry first.
func (t *table) growRing() {
	ring := make([]entry, max(firstRing, 2*len(t.ring)))
	for i := range t.n {
		ring[i] = t.ring[(t.first+i)&(len(t.ring)-1)]
	}
	t.ring, t.first = ring, 0
}

// compact makes room for n more bytes of lines. A line is smaller than what it counts for, so
// the lines and n never need more than tableSize, and half of the memory is free after it.
func (t *table) compact(n int) {
	from := len(t.mem)
	if t.n > 0 {
		from = int(t.ring[t.first].at)
	}
	live := t.mem[from:]
	to := t.mem[:0]
	if need := len(live) + n; need > cap(to)/2 && cap(to) < lastMem {
		to = make([]byte, 0, min(lastMem, max(firstMem, 2*need)))
	}
	t.mem = append(to, live...)
	for i := range t.n {
		t.ring[(t.first+i)&(len(t.ring)-1)].at -= uint16(from)
	}
}
