package loop

import (
	"net"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/pipe"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// A bridge is a stream that a goroutine of edge serves: what a loop does not do, such as large content, upgrades and
// upstreams that speak TLS. The other streams of the connection stay here.
type bridge struct {
	t    *stream // nil: it is no more
	pipe *pipe.Pipe
	out  pipe.Outlet
}

// cross has a goroutine serve a request: text is its head, without its empty line. If it is late, what the session has of the
// head is gone, and content and trailers are what has come of these.
func (l *Loop) cross(t *stream, text, content, trailers []byte, late bool) {
	b := &bridge{t: t}
	at := addresses{}
	if a, err := unix.Getsockname(int(t.c.fd)); err == nil {
		at.local = tcpAddr(a)
	}
	if a, err := unix.Getpeername(int(t.c.fd)); err == nil {
		at.remote = tcpAddr(a)
	}
	b.pipe = pipe.New(at, func() { l.Post(func() { l.crossed(b) }) })
	t.bridge = b
	if t.c.h2.Wary() {
		b.pipe.Hold()
	}
	b.pipe.Identify(edge.IdentityOf(t.c.secure))
	b.out.Begin(text)
	var flaw *wire.Fault
	if late {
		if len(trailers) > 0 {
			text = pipe.Unsized(text)
		}
		more := content != nil || len(trailers) > 0
		b.pipe.BeginLate(text, t.sized && len(trailers) == 0, t.st.Ended() && !more)
		if more {
			b.pipe.Feed(content, t.st.Ended(), trailers)
		}
	} else {
		flaw = b.pipe.Begin(t.c.h2.Head(), text, t.st.Ended())
	}
	c := t.c
	if !t.st.Ended() {
		l.room(c).Widen(t.st)
	}
	go l.server.ServePipe(b.pipe, flaw, c.peer, c.on)
}

// waitBridges has goroutines that wait for content of their requests wait longer.
func (s *framed) waitBridges() {
	for st := range s.All() {
		if b := st.Owner.(*stream).bridge; b != nil {
			b.pipe.Wait()
		}
	}
}

// crossLate is cross for a request of which content was waited for.
func (l *Loop) crossLate(t *stream) {
	text, content := t.text, t.content
	l.wheel.clear(&t.timer)
	l.cross(t, text, content, nil, true)
	t.text, t.content = nil, nil
	l.release(text)
	if content != nil {
		l.release(content)
	}
}

// crossed looks at what the goroutine of a bridge has done.
func (l *Loop) crossed(b *bridge) {
	if t := b.t; t != nil && l.alive(t.c) {
		l.guilty = t.c
		if l.pour(t) {
			t.c.h2.grown = true
		}
	}
}

// pour sends a share of what a pipe has, and closes the stream when its handler is done. It reports whether there may be more.
func (l *Loop) pour(t *stream) (more bool) {
	c, b := t.c, t.bridge
	s := l.room(c)
	s.Read(t.st, b.pipe.Spent())
	over, stuck, moved := false, false, false
	b.pipe.Take(func(p []byte, closed, left bool) int {
		n := 0
		var fault *wire.Fault
		if !t.st.Gone() && !b.out.Done() && len(c.unsent) == 0 {
			var leaves bool
			n, leaves, fault = b.out.Pour(&s.Session, t.st, p, closed, h2.Share, &l.res)
			if leaves && (c.is(leaving) || l.server.UnderPressure()) {
				l.goAway(c)
			}
		}
		stuck = n < len(p) && !b.out.Done() && !t.st.Gone()
		over = left && (!stuck || fault != nil)
		moved = n > 0
		return n
	})
	t.wait(stuck)
	switch {
	case !over:
		more = stuck && moved && s.Window(t.st) > 0
		if !stuck {
			l.wheel.clear(&t.timer)
		} else if moved || t.deadline == 0 {
			l.arm(&t.timer, l.server.Options().BodyIdle)
		}
	case b.out.Done() || t.st.Gone():
		s.Done(t.st)
		l.freeStream(t)
		l.restFrames(c)
	default:
		l.resetStream(t, h2.InternalError)
	}
	if len(s.Out) > flushBytes && len(c.unsent) == 0 {
		return l.flushFrames(c) && more
	}
	return more
}

// addresses are the two ends of a connection.
type addresses struct{ local, remote net.Addr }

func (a addresses) LocalAddr() net.Addr  { return a.local }
func (a addresses) RemoteAddr() net.Addr { return a.remote }

func tcpAddr(a unix.Sockaddr) net.Addr {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	}
	return &net.TCPAddr{}
}
