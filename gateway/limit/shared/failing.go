package shared

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// This file handles failures of Redis. The Store's goroutine calls these methods.

const (
	failures   = 3                      // in a row, and limits are not shared
	firstProbe = 100 * time.Millisecond // after that
	lastProbe  = 5 * time.Second        // between two probes at most
	probeTime  = connectTime            // for a probe, which may have to connect and to authenticate
)

var errDown = errors.New("redis fails")

// fall ends sharing.
func (s *Store) fall(why error, now time.Time) {
	s.down.Store(true)
	s.link.close()
	s.link, s.failed, s.pause = nil, 0, firstProbe
	s.probeLater(now)
	s.tell(why)
}

func (s *Store) tell(why error) {
	if !s.told {
		s.told = true
		s.changed(false, why)
	}
}

// drop answers callers that wait while no call is made.
func (s *Store) drop(now time.Time) {
	for i := range s.waiting {
		a := &s.waiting[i]
		a.err = errDown
		a.limiter.answered(a, s.now(now))
	}
	s.waiting = s.waiting[:0]
}

// probeLater sets when to probe: nodes that have lost Redis in the same moment do not come back in the same.
func (s *Store) probeLater(now time.Time) {
	s.probeAt = now.Add(s.pause/2 + rand.N(s.pause))
	s.pause = min(2*s.pause, lastProbe)
}

// probe asks whether Redis is available, over a separate connection.
func (s *Store) probe() {
	s.probing = true
	// It ends in time, and Run waits for it.
	go func() {
		ctx, cancel := context.WithTimeout(s.ctx, probeTime)
		defer cancel()
		l := s.open()
		s.probed <- probe{l, l.probe(ctx)}
	}()
}

// judge handles the result of a probe.
func (s *Store) judge(p probe) {
	s.probing = false
	if p.err != nil {
		p.link.close()
		s.pause = max(s.pause, firstProbe)
		s.probeLater(time.Now())
		s.tell(p.err)
		return
	}
	s.link = p.link
	s.down.Store(false)
	s.told = false
	s.changed(true, nil)
}
