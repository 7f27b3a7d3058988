package edge

import (
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file writes the frames of an HTTP/2 connection.

// write writes frames until the connection is over.
func (m *h2Conn) write() {
	defer close(m.wrote)
	for range m.work {
		var spare []byte // not kept while there is nothing to send
		for {
			m.mu.Lock()
			m.pump()
			out, over := m.s.Out, m.over
			m.s.Out = spare[:0]
			m.mu.Unlock()
			if len(out) == 0 {
				m.rest()
				if over {
					return
				}
				break
			}
			if m.c.under == nil {
				m.c.armWrite(m.c.opts.BodyIdle)
			}
			if _, err := m.c.Conn.Write(out); err != nil {
				m.fail()
			}
			if spare = out; cap(spare) > outBytes/4 {
				spare = nil
			}
		}
	}
}

// rest gives up memory that is not needed while there is nothing to do.
func (m *h2Conn) rest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.s.Out) == 0 {
		m.s.Out = nil
	}
	if m.s.Open() == 0 {
		m.waiting = nil
	}
}

// fail ends a connection on which nothing can be written.
func (m *h2Conn) fail() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = true
	m.finish()
	m.c.wake()
}

// pump sends what pipes have, the most urgent first, and those of the same urgency in turn; gives windows back for what their
// handlers have read; and closes streams whose handlers are done. See RFC 9218, section 10. Precondition: as for event.
func (m *h2Conn) pump() {
	space := m.borrow()
	defer m.giveBack(space)
	m.waiting = m.waiting[:0]
	for st := range m.s.All() {
		m.s.Read(st, st.Owner.(*h2Stream).Spent())
		m.waiting = append(m.waiting, st)
	}
	open := m.s.Open()
	m.s.Share(m.waiting, func() bool { return len(m.s.Out) < outBytes }, func(st *h2.Stream) bool { return m.pour(st.Owner.(*h2Stream)) })
	clear(m.waiting)
	if m.s.Open() < open {
		m.arm()
	}
}

// pour sends what one pipe has, up to its share, and reports whether there may be more. Precondition: as for event.
func (m *h2Conn) pour(p *h2Stream) (more bool) {
	before, over := len(m.s.Out), false
	p.Take(func(b []byte, closed, left bool) int {
		var n int
		var leaves bool
		var fault *wire.Fault
		if !p.st.Gone() && !p.out.Done() {
			n, leaves, fault = p.out.Pour(&m.s, p.st, b, closed, h2.Share, m.response)
		}
		if leaves && (m.c.goingAway() || m.c.server.UnderPressure()) {
			m.goAway()
		}
		p.stuck = n < len(b) && !p.out.Done() && !p.st.Gone()
		over = left && (!p.stuck || fault != nil)
		return n
	})
	if len(m.s.Out) > before || !p.stuck {
		p.moved = time.Now()
	}
	switch {
	case !over:
		return len(m.s.Out)-before >= h2.Share
	case m.over:
		m.s.Close(p.st)
	case p.out.Done():
		m.s.Done(p.st)
	default:
		m.s.Reset(p.st, h2.InternalError)
	}
	return false
}

// check ends streams that have made no progress for body_idle, though their windows or the connection's are for the client
// to open, and comes again.
func (m *h2Conn) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	before := time.Now().Add(-m.c.opts.BodyIdle)
	for st := range m.s.All() {
		if p := st.Owner.(*h2Stream); p.stuck && p.moved.Before(before) && !st.Gone() {
			m.s.Cancel(st, h2.Cancel)
			p.Fail(os.ErrDeadlineExceeded)
		}
	}
	signal(m.work)
	if m.checks = nil; m.s.Open() > 0 {
		m.checks = time.AfterFunc(checkEvery, m.check)
	}
}
