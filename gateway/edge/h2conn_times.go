package edge

import (
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
)

// This file is about the times of an HTTP/2 connection, and its going away.

// arm sets the read deadline as things stand. Precondition: as for event.
func (m *h2Conn) arm() {
	if m.over {
		return
	}
	o, now := m.c.opts, time.Now()
	by := now
	switch {
	case !m.since.IsZero():
		by = m.since.Add(o.Header)
	case !m.s.Begun():
		if by = m.readBy; by.IsZero() {
			by = now.Add(o.Header)
		}
	case m.asked:
		by = now.Add(pingTimeout)
	case m.s.Open() > 0:
		by = now.Add(pingAfter)
	case m.sentGoAway:
		by = now.Add(time.Duration(m.c.server.grace.Load()))
	default:
		by = now.Add(o.Idle)
	}
	if m.s.Open() == 0 && !m.sentGoAway && m.c.silence.Load() == 0 {
		after := Fresh
		if m.served {
			after = Between
		}
		m.c.silent(after)
	}
	if d := by.Sub(m.readBy); d < 0 || d > by.Sub(now)/rearmDivisor {
		m.readBy = by
		m.c.Conn.SetReadDeadline(by) // a dead socket shows at the read
	}
}

// late acts on a read deadline that has passed. It reports whether the connection is over.
func (m *h2Conn) late() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.over:
	case time.Now().Before(m.readBy): // it was moved
	case !m.s.Begun(), !m.since.IsZero():
		m.c.server.onFault(FaultTimeout, m.c.peer)
		m.s.Last(h2.NoError)
		m.finish()
	case m.s.Open() > 0 && !m.asked:
		m.s.Ping()
		m.asked = true
		m.arm()
		signal(m.work)
	case m.s.Open() > 0: // the PING was not answered
		m.finish()
	case !m.sentGoAway:
		m.goAway()
	default:
		m.s.Last(h2.NoError)
		m.finish()
	}
	return m.over
}

// goAway tells the client to go, once. Precondition: as for event.
func (m *h2Conn) goAway() {
	if !m.sentGoAway {
		m.sentGoAway = true
		m.s.Leave()
		m.c.spoke()
		m.arm()
		signal(m.work)
	}
}

// GoAway is part of Carrier.
func (m *h2Conn) GoAway(bool) { go m.shutDown() }

// CloseIdle is part of Carrier.
func (m *h2Conn) CloseIdle() { go m.closeIdle() }

// shutDown is goAway without its precondition. If the listener was revoked, no further stream is served.
func (m *h2Conn) shutDown() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.goAway()
	if !m.c.on.Revoked() || m.over {
		return
	}
	m.s.Last(h2.NoError)
	if m.s.Open() == 0 {
		m.finish()
		m.c.wake()
		return
	}
	signal(m.work)
}

// closeIdle tells the client to go, and ends the connection, unless a request is under way.
func (m *h2Conn) closeIdle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.goAway()
	if m.s.Open() == 0 && !m.over {
		m.s.Last(h2.NoError)
		m.finish()
		m.c.wake()
	}
}
