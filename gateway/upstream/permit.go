package upstream

import (
	"context"
	"errors"
	"time"
)

// This file counts the exchanges of an endpoint. There are at most max_connections at once, over
// both engines; up to max_queue more wait. Counters only, no lock: the event loops come by here.

// ErrQueueFull and ErrQueueSlow are why an exchange never began.
var (
	ErrQueueFull = errors.New("all connections are in use and the queue is full")
	ErrQueueSlow = errors.New("no connection became free within queue_timeout")
)

// TryEnter begins an exchange if there may be one more. Leave ends it.
func (e *Endpoint) TryEnter() bool {
	for {
		n := e.inFlight.Load()
		if n >= int64(e.opts.MaxConnections) {
			return false
		}
		if e.inFlight.CompareAndSwap(n, n+1) {
			e.entered.Add(1)
			switch e.opts.Balance {
			case LeastInFlight:
				e.upstream.set.Load().begun(e, n)
			case Hash:
				e.upstream.flying.Add(1)
			}
			return true
		}
	}
}

// full reports whether TryEnter would fail.
func (e *Endpoint) full() bool { return e.inFlight.Load() >= int64(e.opts.MaxConnections) }

// Leave ends an exchange.
func (e *Endpoint) Leave() {
	n := e.inFlight.Add(-1)
	switch e.opts.Balance {
	case LeastInFlight:
		e.upstream.set.Load().ended(e, n)
	case Hash:
		e.upstream.flying.Add(-1)
	}
	e.wake()
}

// wake lets one that waits in enter look again.
func (e *Endpoint) wake() {
	if e.waiting.Load() > 0 {
		select {
		case e.freed <- struct{}{}:
		default:
		}
	}
}

// TryQueue takes a place in the queue if there is one. LeaveQueue gives it back.
func (e *Endpoint) TryQueue() bool {
	if e.waiting.Add(1) > int64(e.opts.MaxQueue) {
		e.waiting.Add(-1)
		return false
	}
	return true
}

// LeaveQueue gives back a place in the queue.
func (e *Endpoint) LeaveQueue() { e.waiting.Add(-1) }

// enter is TryEnter, but waits in the queue, and not beyond deadline or the end of over, which may be nil.
func (e *Endpoint) enter(deadline time.Time, over <-chan struct{}) error {
	if e.TryEnter() {
		return nil
	}
	if !e.TryQueue() {
		return ErrQueueFull
	}
	defer e.LeaveQueue()
	timeout := e.opts.QueueTimeout
	if !deadline.IsZero() {
		timeout = min(timeout, time.Until(deadline))
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	for !e.TryEnter() {
		select {
		case <-e.freed:
		case <-t.C:
			return ErrQueueSlow
		case <-over:
			return context.Canceled
		}
	}
	// The element that woke us may have stood for more than one exchange's end.
	e.wake()
	return nil
}

// InFlight returns how many exchanges with the endpoint are under way.
func (e *Endpoint) InFlight() int { return int(e.inFlight.Load()) }
