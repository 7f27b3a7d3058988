package edge

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/pipe"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file speaks HTTP/2 with clients on goroutines. Two goroutines of each connection use its
// session, which is package h2's: one reads, one writes. Each request has its own goroutine, to
// which its stream is a Pipe.

// Bounds of an HTTP/2 connection, in addition to its session's.
const (
	maxStreams  = h2.MaxStreams
	pingAfter   = 30 * time.Second // without a frame from the client
	pingTimeout = 15 * time.Second
	outBytes    = 64 << 10    // that are written at once
	firstRead   = 512         // bytes that are read at once
	readBytes   = 32 << 10    // likewise, when there is a lot
	checkEvery  = time.Second // how often streams that make no progress are looked for
)

// FaultFrames is for a client whose HTTP/2 frames are malformed or out of order.
var FaultFrames = &wire.Fault{Status: 400, Class: "http2", Reason: "the connection does not speak HTTP/2"}

// An h2Conn is an HTTP/2 connection.
type h2Conn struct {
	c     *Conn
	work  chan struct{} // signals to the writer
	wrote chan struct{} // is closed when it has ended

	mu         sync.Mutex
	s          h2.Session
	response   *wire.Response // that pour reads
	over       bool           // reading has ended: the bytes in Out are the last
	broken     bool           // nothing can be written
	sentGoAway bool           // GOAWAY was sent
	served     bool           // there was a request
	asked      bool           // a PING is out
	readBy     time.Time      // the read deadline in force
	since      time.Time      // when a header block began that is not all there
	checks     *time.Timer    // runs while there are streams
	waiting    []*h2.Stream   // of pump
}

// An h2Stream is a stream with its pipe.
type h2Stream struct {
	*pipe.Pipe
	st    *h2.Stream
	out   pipe.Outlet
	moved time.Time // when something was sent on it last, or there was nothing to send
	stuck bool      // there is something, and no window for it
}

// serveHTTP2 serves a connection that speaks HTTP/2 from here on; read holds the bytes that
// were read already. It returns when the connection has ended.
func (c *Conn) serveHTTP2(read []byte) {
	m := &h2Conn{c: c, work: make(chan struct{}, 1), wrote: make(chan struct{})}
	m.s.Init(nil, c.server.HTTP2(c.on), time.Now())
	c.server.mu.Lock()
	c.carrier = m
	c.server.mu.Unlock()
	if c.goingAway() {
		m.shutDown()
	}
	c.under.wait(c.opts.BodyIdle)
	go m.write()
	m.read(read)
	<-m.wrote
	m.close()
	c.refused = true // the client may still be sending: it has to hear the last of it
	c.spoke()
}

// read reads frames until the connection is over. b holds the bytes that were read already.
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

// receive acts on received bytes, and returns the part that is not a whole frame yet, and
// whether the connection is over.
func (m *h2Conn) receive(b []byte) (rest []byte, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	space := m.borrow()
	defer m.giveBack(space)
	now := time.Now()
	m.asked = m.asked && len(b) == 0
	m.s.Scan(b)
	budget := m.s.Budget()
	for len(b) > 0 && !m.over {
		n, ev := m.s.Next(b, now)
		if n == 0 && ev.Kind == h2.None {
			break
		}
		b = b[n:]
		m.event(ev)
	}
	if m.s.Budget() < budget {
		m.wait()
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
			ev.Stream.Owner.(*h2Stream).Fail(pipe.ErrGone)
		}
	case h2.Fatal:
		m.c.server.FatalFrames(ev.Cause, m.c.on, m.c.peer)
		m.finish()
	}
}

// request begins a request. Precondition: as for event.
func (m *h2Conn) request(st *h2.Stream, end bool) {
	h := m.s.Head()
	p := &h2Stream{Pipe: pipe.New(m.c, m.tell), st: st}
	st.Owner = p
	p.Identify(m.c.Identity())
	p.out.Begin(h.Text)
	if m.s.Wary() {
		p.Hold()
	}
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

// wait has handlers that wait for content wait longer. Precondition: as for event.
func (m *h2Conn) wait() {
	for st := range m.s.All() {
		st.Owner.(*h2Stream).Wait()
	}
}

// PriorKnowledge reports whether a connection begins as one of HTTP/2 does. It needs the first line.
func PriorKnowledge(b []byte) bool {
	n := min(len(b), len(h2.Preface))
	return n >= len("PRI * HTTP/2.0\r\n") && string(b[:n]) == h2.Preface[:n]
}

// signal wakes what waits on c, now or later.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// tell has the writer look at what pipes have.
func (m *h2Conn) tell() { signal(m.work) }

// finish ends all streams, and the connection once Out has been sent. Precondition: as for event.
func (m *h2Conn) finish() {
	m.over = true
	for st := range m.s.All() {
		st.Owner.(*h2Stream).Fail(pipe.ErrGone)
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

// end ends the connection, from which nothing can be read any more.
func (m *h2Conn) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finish()
}
