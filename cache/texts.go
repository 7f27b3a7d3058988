package cache

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// texts keeps byte strings, equal ones once. A text has a number as long as it is referenced; 0
// is none. Readers take no lock: they load the list, then the element.
//
//	list     │ – │ ●─┼─► "Access-Control-Allow-…"  immutable, so readers may keep it
//	         │ ● │ nil │                            nil: released; its number is in spare
//	numbers  "Access-Control-Allow-…" → 1           the same bytes, not a copy
//	held     0, 12, …                               slots that refer to each
//
// A released text stays alive for readers that still have its slice: the collector frees it,
// not the table. A reader that follows a number which was reused meanwhile gets another text,
// and notices by the version of its shard.
type texts struct {
	list atomic.Pointer[[]atomic.Pointer[[]byte]] // by number

	mu      sync.Mutex
	numbers map[string]uint32 // their keys are the texts in list
	held    []uint32          // how often, by number
	spare   []uint32          // numbers of no text
}

func (t *texts) init() {
	t.numbers = map[string]uint32{}
	t.list.Store(&[]atomic.Pointer[[]byte]{{}})
	t.held = make([]uint32, 1)
}

// get returns text n, or nil if it does not exist: a reader without the lock may hold a number
// that was released, or one newer than the list that it loaded.
func (t *texts) get(n uint32) []byte {
	list := *t.list.Load()
	if int(n) >= len(list) {
		return nil
	}
	if b := list[n].Load(); b != nil {
		return *b
	}
	return nil
}

// hold returns the number of the text b, which it copies if it is new.
func (t *texts) hold(b []byte) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.numbers[string(b)]
	if !ok {
		n = t.number()
		text := append(make([]byte, 0, len(b)), b...)
		t.numbers[unsafe.String(unsafe.SliceData(text), len(text))] = n // texts are never modified
		(*t.list.Load())[n].Store(&text)
	}
	t.held[n]++
	return n
}

// number returns an unused number. The list doubles when it is full; readers continue with the
// old one, whose elements stay as they were.
func (t *texts) number() uint32 {
	if last := len(t.spare) - 1; last >= 0 {
		n := t.spare[last]
		t.spare = t.spare[:last]
		return n
	}
	n := len(t.held)
	t.held = append(t.held, 0)
	if list := *t.list.Load(); n == len(list) {
		more := make([]atomic.Pointer[[]byte], 2*n)
		for i := range list {
			more[i].Store(list[i].Load())
		}
		t.list.Store(&more)
	}
	return uint32(n)
}

// release drops one reference to text n, and the text with the last one.
func (t *texts) release(n uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[n]--; t.held[n] > 0 {
		return
	}
	place := &(*t.list.Load())[n]
	delete(t.numbers, string(*place.Load()))
	place.Store(nil)
	t.spare = append(t.spare, n)
}
