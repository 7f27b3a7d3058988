package upstream

import (
	"sync/atomic"
	"time"
)

// A budget bounds further attempts by a share of recent exchanges, so that an upstream that
// fails is not asked twice as much because of it. Exchanges are counted by endpoint anyway; they
// are looked at once a second. A retry takes from what was allowed then.
type budget struct {
	allowed atomic.Int64

	// Of the goroutine that renews it.
	slots [budgetSlots]struct{ exchanges, retries int64 }
	slot  int
	left  int64 // allowed at the last renewal
	seen  map[*Endpoint]int64
}

// Recent exchanges are those of the last ten seconds. In addition to the share of them, a few retries are
// always allowed: without, the first failure of a quiet upstream could not be repeated.
const (
	budgetSlots = 10
	budgetStep  = time.Second
	minRetries  = 3 * budgetSlots
)

// take reports whether there may be one more retry.
func (b *budget) take() bool {
	if b.allowed.Add(-1) >= 0 {
		return true
	}
	b.allowed.Add(1)
	return false
}

// renew begins the next second.
func (b *budget) renew(list []*Endpoint, share float64) {
	s := &b.slots[b.slot]
	s.exchanges, s.retries = b.entered(list), 0
	// What is taken while this runs is taken from the new allowance instead, or counts twice, which does no harm.
	s.retries = max(b.left-b.allowed.Load(), 0)
	b.slot = (b.slot + 1) % budgetSlots
	var exchanges, retries int64
	for _, s := range b.slots {
		exchanges, retries = exchanges+s.exchanges, retries+s.retries
	}
	b.left = minRetries + int64(share*float64(exchanges-retries)) - retries
	b.allowed.Store(b.left)
}

// entered returns how many exchanges have begun since it was asked last.
func (b *budget) entered(list []*Endpoint) (n int64) {
	seen := make(map[*Endpoint]int64, len(list))
	for _, e := range list {
		seen[e] = e.entered.Load()
		n += seen[e] - b.seen[e]
	}
	b.seen = seen
	return n
}
