package upstream

import (
	"context"
	"errors"
	"sync"
	"time"
)

// This file is where exchanges wait that find an endpoint full. Both engines wait in the one queue of an
// endpoint. Its rules are:
//
//   - as long as the queue is empty now and then, the oldest is served first, and each may wait for
//     queue_timeout: that is a burst;
//   - once it has stood, never empty, for a tenth of that, what comes in cannot all be served. To let all
//     wait for the longest time would serve each of them late, and many after their client has given up. So the
//     newest is served first, and none waits for longer than a 32nd of queue_timeout. See K. Nichols and V. Jacobson,
//     Controlling Queue Delay, 2012, for the first half of that, and B. Maurer, Fail at Scale, 2015, for the second;
//   - where exchanges take long, both times are longer: sixteen and eight times what it takes until the endpoint
//     is free again. So a queue of a few for something that takes seconds remains one.
//
// Nothing here is touched by an exchange that finds room.

// ErrQueueFull and ErrQueueSlow are why an exchange never began.
var (
	ErrQueueFull = errors.New("all connections are in use and the queue is full")
	ErrQueueSlow = errors.New("no connection became free within queue_timeout, or, under overload, within a small part of it")
)

// Shares of queue_timeout, as divisors.
const (
	standsAfter = 10
	shortWait   = 32
)

// A Place is an exchange's place in the queue of an endpoint.
type Place struct {
	// Done is called when the wait is over, unless LeaveQueue came first: with nil if the exchange has entered the
	// endpoint. It is called once, on any goroutine, and must not wait. It may be called before Queue returns.
	Done func(error)

	since        time.Time
	older, newer *Place
	queued       bool
	result       error // of Done, in between
}

// A queue is a list of places in the order in which they were taken. Its zero value is ready.
type queue struct {
	mu             sync.Mutex
	oldest, newest *Place
	stood          time.Time        // since when it has not been empty
	served         time.Time        // when a place was last served
	gaps           [2]time.Duration // between the last times; 0: there were none
	timer          *time.Timer      // of the next look; nil: there was none yet
}

// pace returns how long it recently took until the endpoint was free again, or timeout if that
// is not known yet. A gap in which the endpoint did not answer says nothing about now, so it is
// the shorter of two.
func (q *queue) pace(timeout time.Duration) time.Duration {
	if q.gaps[0] == 0 {
		return timeout
	}
	return min(q.gaps[0], q.gaps[1])
}

// stands reports whether the queue has been standing, and should be served newest first.
func (q *queue) stands(now time.Time, timeout time.Duration) bool {
	return q.oldest != nil && now.Sub(q.stood) >= q.standing(timeout)
}

func (q *queue) standing(timeout time.Duration) time.Duration {
	return min(max(timeout/standsAfter, 16*q.pace(timeout)), timeout)
}

// patience returns how long a place may wait.
func (q *queue) patience(now time.Time, timeout time.Duration) time.Duration {
	if !q.stands(now, timeout) {
		return timeout
	}
	return min(max(timeout/shortWait, 8*q.pace(timeout)), timeout)
}

// push adds a place at the end.
func (q *queue) push(p *Place, now time.Time) {
	p.since, p.older, p.newer, p.queued = now, q.newest, nil, true
	if q.oldest == nil {
		q.oldest, q.stood, q.served = p, now, now
	} else {
		q.newest.newer = p
	}
	q.newest = p
}

// remove takes a place out.
func (q *queue) remove(p *Place) {
	if p.older != nil {
		p.older.newer = p.newer
	} else {
		q.oldest = p.newer
	}
	if p.newer != nil {
		p.newer.older = p.older
	} else {
		q.newest = p.older
	}
	p.older, p.newer, p.queued = nil, nil, false
}

// serve takes out the place that is served next. Precondition: there is one.
func (q *queue) serve(now time.Time, timeout time.Duration) *Place {
	p := q.oldest
	if q.stands(now, timeout) {
		p = q.newest
	}
	q.remove(p)
	q.gaps[0], q.gaps[1], q.served = q.gaps[1], max(now.Sub(q.served), 1), now
	return p
}

// expired takes out the oldest place if it has waited for too long, or returns nil.
func (q *queue) expired(now time.Time, timeout time.Duration) *Place {
	p := q.oldest
	if p == nil || now.Sub(p.since) < q.patience(now, timeout) {
		return nil
	}
	q.remove(p)
	return p
}

// due returns how long it is until the oldest place may have waited for too long. Precondition: there is one.
func (q *queue) due(now time.Time, timeout time.Duration) time.Duration {
	d := q.patience(now, timeout) - now.Sub(q.oldest.since)
	if !q.stands(now, timeout) {
		d = min(d, q.standing(timeout)-now.Sub(q.stood))
	}
	return max(d, time.Millisecond)
}

// Queue takes a place in the queue, unless it is full: then Done is never called.
func (e *Endpoint) Queue(p *Place) bool {
	q := &e.queue
	q.mu.Lock()
	if e.waiting.Load() >= int64(e.opts.MaxQueue) || e.opts.QueueTimeout <= 0 {
		q.mu.Unlock()
		return false
	}
	e.waiting.Add(1)
	q.push(p, time.Now())
	q.mu.Unlock()
	e.serveQueue() // capacity that was freed before the place could be seen
	if e.waiting.Load() > 0 {
		e.relieve()
	}
	return true
}

// LeaveQueue gives a place up. It reports false if that came too late: Done was called, or is about to be.
func (e *Endpoint) LeaveQueue(p *Place) bool {
	q := &e.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if !p.queued {
		return false
	}
	q.remove(p)
	e.waiting.Add(-1)
	return true
}

// serveQueue gives free capacity to waiting requests, and refuses those that have waited for too long.
func (e *Endpoint) serveQueue() {
	q, timeout := &e.queue, e.opts.QueueTimeout
	var over *Place // a list
	q.mu.Lock()
	now := time.Now()
	done := func(p *Place, err error) {
		e.waiting.Add(-1)
		p.result, p.newer = err, over
		over = p
	}
	for p := q.expired(now, timeout); p != nil; p = q.expired(now, timeout) {
		done(p, ErrQueueSlow)
	}
	for q.oldest != nil && e.TryAcquire() {
		done(q.serve(now, timeout), nil)
	}
	if q.oldest != nil {
		q.look(q.due(now, timeout), e.serveQueue)
	}
	q.mu.Unlock()
	for p := over; p != nil; {
		next := p.newer
		p.newer = nil
		p.Done(p.result)
		p = next
	}
}

// look has the queue looked at after d. Precondition: q.mu is held.
func (q *queue) look(d time.Duration, serve func()) {
	if q.timer == nil {
		q.timer = time.AfterFunc(d, serve)
	} else {
		q.timer.Reset(d)
	}
}

// Acquire is TryAcquire, but waits in the queue, and not beyond deadline or the end of over, which may be nil.
func (e *Endpoint) Acquire(deadline time.Time, over <-chan struct{}) error {
	if e.TryAcquire() {
		return nil
	}
	result := make(chan error, 1)
	p := &Place{Done: func(err error) { result <- err }}
	if !e.Queue(p) {
		return ErrQueueFull
	}
	var late <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		late = t.C
	}
	var err error
	select {
	case err := <-result:
		return err
	case <-late:
		err = ErrQueueSlow
	case <-over:
		err = context.Canceled
	}
	if !e.LeaveQueue(p) && <-result == nil {
		e.Release()
	}
	return err
}
