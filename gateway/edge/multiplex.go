package edge

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file speaks HTTP/2 with clients. The session, which is package h2's, is used by two goroutines of each connection: one reads,
// one writes; and each request has a goroutine of its own, to which its stream is a Pipe.

// Bounds of an HTTP/2 connection, beside those of its session.
const (
	maxStreams  = h2.MaxStreams
	pingAfter   = 30 * time.Second // without a frame from the client
	pingTimeout = 15 * time.Second
	outBytes    = 64 << 10    // that are written at once
	firstRead   = 512         // bytes that are read at once
	readBytes   = 32 << 10    // likewise, when there is a lot
	checkEvery  = time.Second // how often streams that make no progress are looked for
)

// FaultFrames is that of a client whose frames of HTTP/2 are not what they should be.
var FaultFrames = &wire.Fault{Status: 400, Class: "http2", Reason: "that is no HTTP/2"}

// An h2Conn is an HTTP/2 connection.
type h2Conn struct {
	c     *Conn
	work  chan struct{} // signals to the writer
	wrote chan struct{} // is closed when it has ended

	mu       sync.Mutex
	s        h2.Session
	response *wire.Response // that pour reads
	over     bool           // nothing is read any more: what is in Out is the last
	broken   bool           // nothing can be written
	leaves   bool           // GOAWAY was sent
	served   bool           // there was a request
	asked    bool           // a PING is out
	readBy   time.Time      // the read deadline in force
	since    time.Time      // when a header block began that is not all there
	checks   *time.Timer    // runs while there are streams
	waiting  []*h2.Stream   // of pump
}

// A h2Stream is a stream with its pipe.
type h2Stream struct {
	*Pipe
	st    *h2.Stream
	out   Outlet
	moved time.Time // when something was sent on it last, or there was nothing to send
	stuck bool      // there is something, and no window for it
}

// multiplex serves a connection that speaks HTTP/2 from here on; read is what was read of it. It returns when it has ended.
func (c *Conn) multiplex(read []byte) {
	m := &h2Conn{c: c, work: make(chan struct{}, 1), wrote: make(chan struct{})}
	m.s.Init(nil, c.server.HTTP2(c.on), time.Now())
	c.server.mu.Lock()
	c.h2 = m
	c.server.mu.Unlock()
	if c.leaving() {
		m.leave()
	}
	c.under.wait(c.opts.BodyIdle)
	go m.write()
	m.read(read)
	<-m.wrote
	m.close()
	c.refused = true // the client may still be sending: it has to hear the last of it
	c.spoke()
}

// read reads frames until the connection is over. b is what was read of it already.
func (m *h2Conn) read(b []byte) {
	buf := make([]byte, max(firstRead, len(b)))
	w, over := copy(buf, b), false
	m.c.in = nil // which b is of
	for {
		var rest []byte
		if rest, over = m.receive(buf[:w]); over {
			return
		}
		switch size := len(buf); {
		case w == size && size < readBytes: // there may be more than that
			buf = append(make([]byte, 0, 2*size), rest...)[:2*size]
		case size > firstRead && w < firstRead: // there was more once; it may be a long time until there is again
			buf = append(make([]byte, 0, firstRead), rest...)[:firstRead]
		default:
			copy(buf, rest)
		}
		w = len(rest)
		n, err := m.c.Conn.Read(buf[w:])
		for n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			if m.late() {
				return
			}
			n, err = m.c.Conn.Read(buf[w:])
		}
		if n == 0 && err != nil {
			m.end()
			return
		}
		w += n
	}
}

// receive acts on what has come, and returns what is no whole frame, and whether the connection is over.
func (m *h2Conn) receive(b []byte) (rest []byte, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	space := m.borrow()
	defer m.giveBack(space)
	now := time.Now()
	m.asked = m.asked && len(b) == 0
	m.s.Scan(b)
	for len(b) > 0 && !m.over {
		n, ev := m.s.Next(b, now)
		if n == 0 && ev.Kind == h2.None {
			break
		}
		b = b[n:]
		m.event(ev)
	}
	if !m.s.Blocked() {
		m.since = time.Time{}
	} else if m.since.IsZero() {
		m.since = now
	}
	m.arm()
	signal(m.work)
	return b, m.over
}

// A frameSpace is memory that HTTP/2 connections need while they are at work. Those that wait have none.
type frameSpace struct {
	scratch  h2.Scratch
	response wire.Response
}

// borrow returns memory, and has the session use it. Precondition: as for event.
func (m *h2Conn) borrow() *frameSpace {
	space, ok := m.c.server.frameSpaces.Get().(*frameSpace)
	if !ok {
		space = &frameSpace{}
	}
	m.s.Use(&space.scratch)
	m.response = &space.response
	return space
}

func (m *h2Conn) giveBack(space *frameSpace) {
	m.s.Use(nil)
	m.response = nil
	m.c.server.frameSpaces.Put(space)
}

// event acts on an event. Precondition: m.mu is held.
func (m *h2Conn) event(ev h2.Event) {
	switch ev.Kind {
	case h2.Request:
		m.request(ev.Stream, ev.End)
	case h2.Data:
		st := ev.Stream.Owner.(*h2Stream)
		st.Feed(ev.Data, ev.End, nil)
	case h2.Trailers:
		st := ev.Stream.Owner.(*h2Stream)
		if m.s.Head().Fault != nil {
			st.Refuse(wire.FaultTrailer)
		} else {
			st.Feed(nil, true, ev.Data)
		}
	case h2.Gone:
		if ev.Ours {
			m.c.server.onFault(FaultFrames, m.c.peer)
		}
		if ev.Stream != nil {
			ev.Stream.Owner.(*h2Stream).Fail(ErrStreamGone)
		}
	case h2.Fatal:
		f := FaultFrames
		if ev.Cause == h2.CauseResets {
			f = FaultResets
		}
		m.c.server.onFault(f, m.c.peer)
		m.finish()
	}
}

// request begins a request. Precondition: as for event.
func (m *h2Conn) request(st *h2.Stream, end bool) {
	h := m.s.Head()
	p := &h2Stream{Pipe: NewPipe(m.c, m.tell), st: st}
	st.Owner = p
	p.identity = m.c.Identity()
	p.out.Begin(h.Text)
	flaw := p.Begin(h, h.Text, end)
	p.moved = time.Now()
	m.c.spoke()
	m.served = true
	if m.s.Open() == 1 && m.checks == nil {
		m.checks = time.AfterFunc(checkEvery, m.check)
	}
	if h.Length > 0 || !end {
		m.s.Widen(st)
	}
	go m.c.server.ServePipe(p.Pipe, flaw, m.c.peer, m.c.on)
}

// PriorKnowledge reports whether a connection begins as one of HTTP/2 does. It needs the first line.
func PriorKnowledge(b []byte) bool {
	n := min(len(b), len(h2.Preface))
	return n >= len("PRI * HTTP/2.0\r\n") && string(b[:n]) == h2.Preface[:n]
}

// tell has the writer look at what pipes have.
func (m *h2Conn) tell() { signal(m.work) }

// finish ends all streams, and the connection when what is in Out has been sent. Precondition: as for event.
func (m *h2Conn) finish() {
	m.over = true
	for st := range m.s.All() {
		st.Owner.(*h2Stream).Fail(ErrStreamGone)
	}
	if m.checks != nil {
		m.checks.Stop()
	}
	signal(m.work)
}

// close closes the streams whose handlers have yet to end.
func (m *h2Conn) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for st := range m.s.All() {
		m.s.Close(st)
	}
}

// end ends the connection, of which nothing can be read any more.
func (m *h2Conn) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finish()
}

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
	case m.leaves:
		by = now.Add(time.Duration(m.c.server.grace.Load()))
	default:
		by = now.Add(o.Idle)
	}
	if m.s.Open() == 0 && !m.leaves && m.c.silence.Load() == 0 {
		after := Fresh
		if m.served {
			after = Between
		}
		m.c.silent(after)
	}
	if d := by.Sub(m.readBy); d < 0 || d > by.Sub(now)/rearmDivisor {
		m.readBy = by
		m.c.Conn.SetReadDeadline(by) //nolint:errcheck // a dead socket shows at the read
	}
}

// late acts on a read deadline that has passed. It reports whether the connection is over.
func (m *h2Conn) late() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.over:
	case time.Now().Before(m.readBy): // it was moved meanwhile
	case !m.s.Begun(), !m.since.IsZero():
		m.c.server.onFault(FaultTimeout, m.c.peer)
		m.s.Last(h2.NoError)
		m.finish()
	case m.s.Open() > 0 && !m.asked:
		m.s.Ping()
		m.asked = true
		m.arm()
		signal(m.work)
	case m.s.Open() > 0: // nobody is there
		m.finish()
	case !m.leaves:
		m.goAway()
	default:
		m.s.Last(h2.NoError)
		m.finish()
	}
	return m.over
}

// goAway tells the client to go, once. Precondition: as for event.
func (m *h2Conn) goAway() {
	if !m.leaves {
		m.leaves = true
		m.s.Leave()
		m.c.spoke()
		m.arm()
		signal(m.work)
	}
}

// leave is goAway for others. If the listener was revoked, no further stream is served.
func (m *h2Conn) leave() {
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

// leaveNow tells the client to go, and ends the connection, unless a request is under way.
func (m *h2Conn) leaveNow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.goAway()
	if m.s.Open() == 0 && !m.over {
		m.s.Last(h2.NoError)
		m.finish()
		m.c.wake()
	}
}

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
		if !p.st.Gone() && !p.out.done {
			n, leaves, fault = p.out.Pour(&m.s, p.st, b, closed, h2.Share, m.response)
		}
		if leaves && (m.c.leaving() || m.c.server.Crowded()) {
			m.goAway()
		}
		p.stuck = n < len(b) && !p.out.done && !p.st.Gone()
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
	case p.out.done:
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
