package upstream

import (
	"sync"
	"sync/atomic"
	"time"
)

// This file keeps slow clients from holding all connections to an endpoint. An exchange whose
// client is slow to send content or to take the response holds its place all the while. That is
// as it should be while there is room. But as soon as others wait in the queue, those that wait
// for their clients have half of max_connections at most: for each that waits the one that has
// made the least progress for its time is ended, until at most half remain.

// A Holder is an exchange that may hold a place at an endpoint for its client. It may be used
// again after Release. Methods are safe for concurrent use, but for Hold and Release.
type Holder struct {
	// End ends the exchange. It is called at most once between Hold and Release, on any
	// goroutine. It must not wait, nor call a method of an Endpoint or a Holder.
	End func()

	of     *Endpoint
	waits  atomic.Bool  // for the client
	moved  atomic.Int64 // bytes, to the client or from it
	began  time.Time
	at     int // among the endpoint's holders
	chosen bool
	ended  atomic.Bool
}

type holders struct {
	mu     sync.Mutex
	all    []*Holder
	chosen int // of them
}

// headStart is what every holder counts as having moved: what clients send and take at first says little of them.
const headStart = 64 << 10

// progress is how many bytes a second have been moved.
func (h *Holder) progress(now time.Time) float64 {
	return float64(h.moved.Load()+headStart) / (now.Sub(h.began) + time.Second).Seconds()
}

// Hold notes an exchange that may have to wait for its client from now on. Release follows.
func (e *Endpoint) Hold(h *Holder) {
	h.of, h.began, h.chosen = e, time.Now(), false
	h.waits.Store(false)
	h.moved.Store(0)
	h.ended.Store(false)
	s := &e.holders
	s.mu.Lock()
	h.at = len(s.all)
	s.all = append(s.all, h)
	s.mu.Unlock()
}

// Release ends what Hold has begun.
func (h *Holder) Release() {
	s := &h.of.holders
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.all) - 1
	s.all[h.at] = s.all[last]
	s.all[h.at].at = h.at
	s.all[last] = nil
	s.all = s.all[:last]
	if h.chosen {
		s.chosen--
	}
}

// Waits notes that the exchange waits for its client from now on.
func (h *Holder) Waits() {
	h.waits.Store(true)
	if h.of.waiting.Load() > 0 {
		h.of.relieve()
	}
}

// Moved notes that bytes were moved, and whether the exchange still waits for its client.
func (h *Holder) Moved(bytes int, waits bool) {
	h.moved.Add(int64(bytes))
	h.waits.Store(waits)
}

// Ended reports whether End was called.
func (h *Holder) Ended() bool { return h.ended.Load() }

// relieve ends one exchange, if one has to make room for one in the queue.
func (e *Endpoint) relieve() {
	if !e.full() {
		return // the first in the queue takes the place that is free
	}
	s := &e.holders
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.choose(int(e.waiting.Load()), e.opts.MaxConnections/2, time.Now())
	if h == nil {
		return
	}
	h.chosen = true
	s.chosen++
	h.ended.Store(true)
	h.End() // under the lock: after Release it is not called any more
}

// choose returns the holder that has to make room if so many exchanges are in the queue, and holders may have so many
// places; or nil. Precondition: s.mu is held.
func (s *holders) choose(queued, most int, now time.Time) *Holder {
	if s.chosen >= queued {
		return nil // enough is on its way
	}
	waiting := 0
	var least *Holder
	for _, h := range s.all {
		if h.chosen || !h.waits.Load() {
			continue
		}
		waiting++
		if least == nil || h.progress(now) < least.progress(now) {
			least = h
		}
	}
	if waiting <= most {
		return nil
	}
	return least
}
