package loop

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"golang.org/x/sys/unix"
)

const (
	acceptsATurn  = 64
	firstPause    = 5 * time.Millisecond // after an accept error; doubled up to lastPause
	lastPause     = 250 * time.Millisecond
	admittedPause = 50 * time.Millisecond // while there are as many connections as there may be
)

// An acceptor is a listening socket of one loop.
type acceptor struct {
	socket
	on    *edge.Listener
	pause time.Duration
}

// Accept has the loop accept connections on a listening descriptor, which it then owns. It may be called from any goroutine.
func (l *Loop) Accept(fd int, on *edge.Listener) error {
	a := &acceptor{on: on, pause: firstPause}
	a.fd, a.accept = int32(fd), a
	return l.posted.do(func() error {
		if l.draining {
			return unix.Close(fd)
		}
		if err := l.add(&a.socket, unix.EPOLLIN); err != nil {
			return fmt.Errorf("cannot watch a listening socket: %w", errors.Join(err, unix.Close(fd)))
		}
		l.acceptors = append(l.acceptors, a)
		return nil
	})
}

// Retire has the loop accept no more connections for a listener. Those that it serves end after their
// current response, which says so; those between requests wait for one more, for [edge.Grace], unless
// the listener was revoked: see [edge.Server.Revoke]. It may be called from any goroutine, and returns when the loop does not accept any more.
func (l *Loop) Retire(on *edge.Listener) {
	l.posted.do(func() error { // there is no error
		l.unaccept(func(a *acceptor) bool { return a.on == on })
		l.dismiss(edge.Grace, func(c *client) bool { return c.on == on })
		return nil
	})
}

// unaccept ends acceptors. What waits on their sockets by now is accepted first: if nobody else
// holds the socket, the kernel resets what waits on it when it is closed.
func (l *Loop) unaccept(which func(*acceptor) bool) {
	l.acceptors = slices.DeleteFunc(l.acceptors, func(a *acceptor) bool {
		if !which(a) {
			return false
		}
		l.acceptEvent(a)
		l.shut(&a.socket)
		return true
	})
}

// acceptEvent accepts what has come, up to a bound: connections that are there want their turn.
func (l *Loop) acceptEvent(a *acceptor) {
	for i := range acceptsATurn {
		if l.server.Full() {
			if i > 0 {
				return // whether another one waits the next turn tells
			}
			l.server.MakeRoom(false)
			l.rest(a, admittedPause)
			return
		}
		if a.on.Activated {
			unix.SetNonblock(int(a.fd), true) // it can be set
		}
		fd, from, err := unix.Accept4(int(a.fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == nil && l.server.Spares(fd) {
			unix.Close(fd) // it was not admitted
			err = unix.EMFILE
		}
		switch err {
		case nil:
			a.pause = firstPause
			l.welcome(a, fd, peerOf(from))
		case unix.EAGAIN:
			return
		case unix.ECONNABORTED, unix.EINTR:
		default:
			// EMFILE, ENFILE, ENOBUFS, ENOMEM: it passes, or waiting is all one can do.
			l.server.ReportExhausted(a.on, os.NewSyscallError("accept4", err))
			l.server.MakeRoom(true)
			l.rest(a, a.pause)
			a.pause = min(2*a.pause, lastPause)
			return
		}
	}
}

// rest stops accepting for a while.
func (l *Loop) rest(a *acceptor, d time.Duration) {
	l.watch(&a.socket, 0)
	l.arm(&a.timer, d)
}

func (l *Loop) resume(a *acceptor) { l.watch(&a.socket, unix.EPOLLIN) }

func (l *Loop) welcome(a *acceptor, fd int, peer netip.Addr) {
	if !l.server.Acquire(peer, a.on) {
		unix.Close(fd) // it was not admitted
		return
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // it is only slower without
	l.begin(fd, peer, a.on, nil, false, false)
}

func peerOf(from unix.Sockaddr) netip.Addr {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr).Unmap()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
