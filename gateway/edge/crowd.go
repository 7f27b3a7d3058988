package edge

import "time"

// This file gives up idle connections when there are nearly as many connections as there may
// be: who comes then must not have to wait for somebody who does nothing. The rules are:
//
//   - from 85 % of Options.Connections on, idle connections are kept for a sixteenth of the usual
//     time only, those that are idle already too, until there are fewer than 70 % again;
//   - from 95 % on, responses end their connection: whoever has one makes room for whoever waits.
//
// Both engines ask IdleTimeout and Crowded; the event loop looks after its own idle connections. Clients that speak HTTP/2 or
// HTTP/3 are told to go, and have the grace for it.

// Shares of Options.Connections, in percent.
const (
	calmBelow   = 70
	pressedFrom = 85
	crowdedFrom = 95
)

// leastCrowd is the least Options.Connections of which these shares leave a connection out.
const leastCrowd = 20

// Levels of a crowd.
const (
	calm int32 = iota
	pressed
	crowded
)

// idleDivisor is by how much the time shrinks for which idle connections are kept.
const idleDivisor = 16

// crowd notes how full it is. Precondition: s.gate.mu is held.
func (s *Server) crowd() {
	g, most := &s.gate, s.opts.Load().Connections
	level, percent := g.level.Load(), g.open*100/max(most, 1)
	switch {
	case most < leastCrowd || percent < calmBelow:
		level = calm
	case percent >= crowdedFrom:
		level = crowded
	case percent >= pressedFrom || level == crowded:
		level = pressed
	}
	if before := g.level.Swap(level); before == calm && level != calm {
		g.reaper = time.AfterFunc(s.IdleTimeout()/4, s.reap)
	} else if level == calm && g.reaper != nil {
		g.reaper.Stop()
		g.reaper = nil
	}
}

// Pressed reports whether idle connections are to be given up early.
func (s *Server) Pressed() bool { return s.gate.level.Load() >= pressed }

// Crowded reports whether connections are to end after their current response.
func (s *Server) Crowded() bool { return s.gate.level.Load() >= crowded }

// IdleTimeout returns how long an idle connection is kept, as things stand.
func (s *Server) IdleTimeout() time.Duration {
	d := s.opts.Load().Idle
	if s.Pressed() {
		d /= idleDivisor
	}
	return d
}

// reap ends connections that have been idle for too long, as things stand, and comes again.
func (s *Server) reap() {
	timeout := s.IdleTimeout()
	before := time.Now().Add(-timeout).UnixNano()
	s.mu.Lock()
	for c := range s.conns {
		if since := c.idleSince.Load(); since <= before && c.idle.CompareAndSwap(true, false) {
			c.hasToGo()
		}
	}
	s.mu.Unlock()
	g := &s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reaper != nil {
		g.reaper.Reset(timeout / 4)
	}
}
