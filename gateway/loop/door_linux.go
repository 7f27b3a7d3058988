package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"golang.org/x/sys/unix"
)

// This file is what other goroutines may ask of a loop: to run something, to accept, to drain, to give up.

// Post has f run on the loop's goroutine. It may be called from any. It reports false, and f
// will not run, if the loop has ended.
func (l *Loop) Post(f func()) bool { return l.posted.post(f) }

// Spare closes the connections to upstreams that have been idle longest, half of them: descriptors are needed. It may be called
// from any goroutine, and does not wait.
func (l *Loop) Spare() { l.Post(l.ups.spare) }

// Accept has the loop accept connections on a listening descriptor, which it then owns. It may be called from any goroutine.
func (l *Loop) Accept(fd int, on *edge.Listener) error {
	return l.posted.do(func() error {
		if l.draining {
			return unix.Close(fd)
		}
		return l.accept.add(fd, on)
	})
}

// Retire has the loop accept no more connections for a listener. Those that it serves end after their
// current response, which says so; those between requests wait for one more, for [edge.Grace], unless
// the listener was revoked: see [edge.Server.Revoke]. It may be called from any goroutine, and returns when the loop does not accept any more.
func (l *Loop) Retire(on *edge.Listener) {
	l.posted.do(func() error { // there is no error
		l.accept.remove(func(a *acceptor) bool { return a.on == on })
		l.dismiss(edge.Grace, func(c *client) bool { return c.on == on })
		return nil
	})
}

// Drain stops accepting. Connections end after their current response, which says so; those between
// requests wait for one more, for grace. It may be called from any goroutine; Done tells when all
// have ended. A loop that has not begun ends at once, and will not begin.
func (l *Loop) Drain(grace time.Duration) {
	if l.posted.open() {
		l.drain(0)
		l.end()
		return
	}
	l.Post(func() { l.drain(grace) })
}

func (l *Loop) drain(grace time.Duration) {
	l.draining, l.grace = true, grace
	l.accept.remove(func(*acceptor) bool { return true })
	l.dismiss(grace, func(*client) bool { return true })
}

// dismiss has clients end.
func (l *Loop) dismiss(grace time.Duration, which func(*client) bool) {
	for _, s := range l.sockets {
		if s != nil && s.client != nil && l.alive(s.client) && which(s.client) {
			l.retire(s.client, grace)
		}
	}
}

// Abandon closes every connection now. It may be called from any goroutine.
func (l *Loop) Abandon() {
	l.Post(func() {
		l.draining = true
		l.abandon(func(c *client) bool { return c.hold != nil }) // first, lest they get what the others leave
		l.abandon(func(*client) bool { return true })
	})
}

func (l *Loop) abandon(which func(*client) bool) {
	for _, s := range l.sockets {
		if s != nil && s.client != nil && l.alive(s.client) && which(s.client) {
			l.abort(s.client)
		}
	}
}

// Done is closed when the loop has ended.
func (l *Loop) Done() <-chan struct{} { return l.posted.done }

// end closes what is left after the last client.
func (l *Loop) end() {
	l.posted.last()
	for _, s := range l.sockets {
		if s != nil && s.up != nil {
			l.shut(&s.up.socket)
		}
	}
	l.closeSet()
	l.posted.end()
}
