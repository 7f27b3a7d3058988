package shared

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// This file runs a Store: one goroutine that collects the questions of limiters, turns them into calls to
// it and takes their answers back.

const (
	batch = 128              // calls in one write
	gap   = time.Millisecond // between two writes: records that arrive in the meantime are written together
)

// A Store is what limiters share: Redis, for as long as it answers. It is safe for concurrent use.
type Store struct {
	options Options
	start   time.Time
	down    atomic.Bool   // limits are not shared
	woken   chan struct{} // has an element when a limiter's list of cells that ask is no longer empty
	open    func() link
	ctx     context.Context // done after Stop
	abandon context.CancelFunc
	grace   time.Duration // written before ctx is done

	mu     sync.Mutex
	shared []*Limiter // those that are in use
	stale  bool       // shared has changed

	// Of the goroutine of Run.
	changed  func(shared bool, why error)
	limiters []*Limiter
	waiting  []call
	link     link   // nil while down
	failed   int    // calls in a row
	epoch    uint32 // rises when a call fails
	probing  bool
	told     bool // Changed was told that limits are not shared
	probeAt  time.Time
	pause    time.Duration // before the next probe
	flushAt  time.Time
	under    int // calls under way
	done     chan outcome
	probed   chan probe
}

type outcome struct {
	link  link
	calls []call
	err   error
}

type probe struct {
	link link
	err  error
}

// NewStore returns a store that does nothing before it runs. Its limiters decide alone until Redis has answered.
func NewStore(o Options) *Store {
	s := &Store{options: o, start: time.Now(), woken: make(chan struct{}, 1), open: o.dial,
		done: make(chan outcome, atOnce), probed: make(chan probe, 1)}
	s.down.Store(true)
	s.ctx, s.abandon = context.WithCancel(context.Background())
	return s
}

// Share says which limiters are in use from now on. Leases of others are given back.
func (s *Store) Share(limiters []*Limiter) {
	s.mu.Lock()
	s.shared, s.stale = limiters, true
	s.mu.Unlock()
	s.rouse()
}

// Shared reports whether limits are shared now.
func (s *Store) Shared() bool { return !s.down.Load() }

// rouse lets the goroutine look around.
func (s *Store) rouse() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Stop ends Run. Leases are given back, for which it takes no longer than grace. From then on each limiter
// decides alone. A store is stopped once, and does not run again.
func (s *Store) Stop(grace time.Duration) {
	s.down.Store(true)
	s.grace = grace
	s.abandon()
}

// Run shares limits until Stop. changed is called when limits are shared again, or, with the
// reason, when they are not; Run waits for it.
func (s *Store) Run(changed func(shared bool, why error)) {
	quiet()
	s.changed = changed
	s.probeAt = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for s.ctx.Err() == nil {
		timer.Reset(s.turn(time.Now()))
		select {
		case <-s.ctx.Done():
		case <-timer.C:
		case <-s.woken:
		case o := <-s.done:
			s.end(o)
		case p := <-s.probed:
			s.judge(p)
		}
	}
	s.leave()
}

// turn does the work that is due at now, and returns the time until more is due, if nothing happens before.
func (s *Store) turn(now time.Time) time.Duration {
	s.take(now)
	at := s.now(now)
	for _, l := range s.limiters {
		l.wake(at)
	}
	switch {
	case s.link == nil:
		s.gather(at)
		s.drop(now)
		if !s.probing && !now.Before(s.probeAt) {
			s.probe()
		}
	case s.under < atOnce && !now.Before(s.flushAt):
		s.gather(at)
		for _, l := range s.limiters {
			s.waiting = l.giveBack(s.waiting, at, false)
		}
		s.flush(now)
	}
	return s.next(now)
}

func (s *Store) gather(now int64) {
	for _, l := range s.limiters {
		s.waiting = l.gather(s.waiting, now)
	}
}

func (s *Store) now(t time.Time) int64 { return int64(t.Sub(s.start)) }

// next returns how long there is nothing to do.
func (s *Store) next(now time.Time) time.Duration {
	wait := time.Hour
	if s.link == nil && !s.probing {
		wait = s.probeAt.Sub(now)
	}
	asks := len(s.waiting) > 0
	for _, l := range s.limiters {
		asks = asks || l.asks.Load() != 0
		if at, ok := l.resting.next(); ok {
			wait = min(wait, time.Duration(at-s.now(now)))
		}
		if at, ok := l.leased.next(); ok && s.link != nil && s.under < atOnce {
			wait = min(wait, max(time.Duration(at-s.now(now)), s.flushAt.Sub(now)))
		}
	}
	if asks && s.link != nil && s.under < atOnce {
		wait = min(wait, s.flushAt.Sub(now))
	}
	return max(0, wait)
}

// take takes over which limiters are in use.
func (s *Store) take(now time.Time) {
	s.mu.Lock()
	next, stale := s.shared, s.stale
	s.stale = false
	s.mu.Unlock()
	if !stale {
		return
	}
	for _, l := range s.limiters {
		if !slices.Contains(next, l) {
			s.waiting = l.giveBack(s.waiting, s.now(now), true)
		}
	}
	s.limiters = next
}

// flush makes as many calls as may be under way.
func (s *Store) flush(now time.Time) {
	for s.under < atOnce && len(s.waiting) > 0 {
		calls := slices.Clone(s.waiting[:min(batch, len(s.waiting))])
		s.waiting = s.waiting[:copy(s.waiting, s.waiting[len(calls):])]
		s.under++
		s.flushAt = now.Add(gap)
		l := s.link
		// It ends in time, and Run waits for it.
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), s.options.Timeout)
			defer cancel()
			s.done <- outcome{l, calls, l.call(ctx, calls)}
		}()
	}
}

// end handles the result of a call.
func (s *Store) end(o outcome) {
	s.under--
	now := time.Now()
	if o.err != nil {
		s.epoch++
	}
	for i := range o.calls {
		a := &o.calls[i]
		if o.err != nil {
			a.err = o.err
		}
		a.limiter.answered(a, s.now(now))
	}
	s.count(o.calls)
	switch {
	case o.link != s.link: // the events that it was woken for are known
	case o.err == nil:
		s.failed = 0
	default:
		if s.failed++; s.failed >= failures {
			s.fall(o.err, now)
		}
	}
}

// count counts the results of calls.
func (s *Store) count(calls []call) {
	for i := range calls {
		s.options.Called(1, resultOf(calls[i].err))
	}
}

// leave returns all leases, after the calls in flight have ended.
func (s *Store) leave() {
	s.down.Store(true) // if a probe was faster
	if s.probing {
		p := <-s.probed
		p.link.close()
	}
	for s.under > 0 {
		s.end(<-s.done)
	}
	if s.link == nil {
		return
	}
	defer s.link.close()
	s.waiting = s.waiting[:0]
	for _, l := range s.limiters {
		s.waiting = l.giveBack(s.waiting, 0, true)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	for calls := range slices.Chunk(s.waiting, batch) {
		err := s.link.call(ctx, calls)
		if err != nil {
			s.options.Called(len(calls), resultOf(err))
			return
		}
		s.count(calls)
	}
}
