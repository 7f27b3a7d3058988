package shared

import "time"

// In this file the store's goroutine works on the cells of a Limiter: it charges debts, gets
// leases and gives them back. These methods have no other callers.

const (
	horizon = 50 * time.Millisecond  // a lease is what a key uses in it
	keep    = 200 * time.Millisecond // after it a lease that was not renewed is given back
	rest    = 2 * time.Millisecond   // between two questions about one key
)

// A call asks Redis about one key: to count what has passed, and perhaps more.
type call struct {
	limiter *Limiter
	cell    uint32
	name    string
	debt    int64 // events that have passed
	back    int64 // events of a lease that will not be spent
	lease   int64 // the part of one that the node held
	want    int64 // events to be counted ahead, if the limit admits them
	asked   int64 // when

	granted int64 // of want
	ahead   int64 // how far the key is paid ahead now, in nanoseconds
	err     error
}

// gather appends a call for each cell that asks.
func (l *Limiter) gather(calls []call, now int64) []call {
	for i := l.asks.Swap(0); i != 0; {
		c := l.at(i - 1)
		calls = append(calls, l.call(c, i-1, now))
		i = c.next
	}
	return calls
}

// call returns the call to make about an owned cell.
func (l *Limiter) call(c *cell, i uint32, now int64) call {
	b := c.balance.Load()
	a := call{limiter: l, cell: i, name: l.name + encode(c.name), debt: max(0, -b), lease: max(0, b), asked: now}
	if c.mark.Load() != unknown {
		used := int64(c.base) - b
		target := min(2*used, used*int64(horizon)/max(1, now-c.since), l.lease)
		left := (now + l.rate.Ahead - max(c.tat.Load(), now)) / l.rate.Period
		a.want = max(0, min(target-a.lease, left))
	}
	return a
}

// answered takes the answer to a call, or that there was none.
func (l *Limiter) answered(a *call, now int64) {
	c := l.at(a.cell)
	after := c.balance.Add(a.debt + a.granted) // what failed may have been counted: it is not charged again
	c.base, c.since = int32(a.lease+a.granted), a.asked
	if a.err == nil {
		l.estimate(c, a, after)
		c.epoch = l.store.epoch
		c.mark.Store((c.base + 1) / 2)
		l.report(a)
	}
	if after > 0 && !c.leased {
		c.leased = true
		l.leased.push(a.cell, now+int64(keep))
	}
	l.resting.push(a.cell, now+int64(rest))
}

// estimate takes the answer to a call into account: Redis's count, and on top of it the debt that
// accrued since the call. An event that is being counted right now may be lost to the estimate; its
// debt is not.
//
// After failed calls, that count only raises the estimate, and a lease is added to it: this node
// does not forget the events that it let pass because Redis was not told, or restarted. So a node
// admits no more than it would by itself.
func (l *Limiter) estimate(c *cell, a *call, balance int64) {
	told := a.asked + a.ahead + max(0, -balance)*l.rate.Period
	if c.mark.Load() == unknown || c.epoch == l.store.epoch {
		c.tat.Store(told)
		return
	}
	// The part of the lease that paid for events that passed since the call has been counted with
	// them.
	fresh := a.granted - min(a.granted, max(0, a.granted-balance))
	for {
		old := c.tat.Load()
		next := old
		if fresh > 0 {
			next = max(old, a.asked) + fresh*l.rate.Period
		}
		if c.tat.CompareAndSwap(old, max(next, told)) {
			return
		}
	}
}

func (l *Limiter) report(a *call) {
	if a.debt > 0 {
		l.hooks.Charged(a.debt)
	}
	if a.granted > 0 {
		l.hooks.Leased(a.granted)
	}
	if a.back > 0 {
		l.hooks.Returned(a.back)
	}
}

// wake releases the cells that have rested, and lets those ask that need to.
func (l *Limiter) wake(now int64) {
	for {
		i, ok := l.resting.due(now)
		if !ok {
			return
		}
		l.release(l.at(i), i)
	}
}

// release gives an owned cell back. An event that arrived since the call has not become its owner:
// its needs are requested here.
func (l *Limiter) release(c *cell, i uint32) {
	c.release()
	mark := int64(c.mark.Load())
	if mark == unknown {
		mark = 0
	}
	if c.balance.Load() < mark {
		l.ask(c, i)
	}
}

// giveBack appends a call for each lease that was not renewed; for all, if the limit is given up.
func (l *Limiter) giveBack(calls []call, now int64, all bool) []call {
	for n := l.leased.len(); n > 0; n-- {
		i, ok := l.leased.due(now)
		if !ok && all {
			i, ok = l.leased.pop()
		}
		if !ok {
			break
		}
		c := l.at(i)
		switch owns := c.own(); {
		case all:
		case !owns:
			l.leased.push(i, now+int64(rest))
			continue
		case now < c.since+int64(keep): // it was renewed in the meantime
			l.leased.push(i, c.since+int64(keep))
			l.release(c, i)
			continue
		}
		c.leased = false
		back := c.balance.Load()
		for back > 0 && !c.balance.CompareAndSwap(back, 0) {
			back = c.balance.Load()
		}
		if back <= 0 {
			l.release(c, i)
			continue
		}
		c.mark.Store(0)
		c.tat.Add(-back * l.rate.Period)
		calls = append(calls, call{limiter: l, cell: i, name: l.name + encode(c.name), back: back, asked: now})
	}
	return calls
}

// A queue holds cells in the order in which they are due.
type queue struct {
	waiting []waiting
	head    int
}

type waiting struct {
	cell uint32
	at   int64
}

func (q *queue) len() int { return len(q.waiting) - q.head }

func (q *queue) push(cell uint32, at int64) { q.waiting = append(q.waiting, waiting{cell, at}) }

// next returns when the first is due.
func (q *queue) next() (at int64, ok bool) {
	if q.len() == 0 {
		return 0, false
	}
	return q.waiting[q.head].at, true
}

// due takes the first, if it is due.
func (q *queue) due(now int64) (cell uint32, ok bool) {
	if at, any := q.next(); !any || at > now {
		return 0, false
	}
	return q.pop()
}

// pop takes the first.
func (q *queue) pop() (cell uint32, ok bool) {
	if q.len() == 0 {
		return 0, false
	}
	cell = q.waiting[q.head].cell
	if q.head++; q.head > 64 && q.head > len(q.waiting)/2 {
		q.waiting = q.waiting[:copy(q.waiting, q.waiting[q.head:])]
		q.head = 0
	}
	return cell, true
}
