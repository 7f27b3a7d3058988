package loop

import (
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

// acceptors accept connections. What becomes of these they do not know.
type acceptors struct {
	*reactor
	server *edge.Server
	all    []*acceptor
	begin  func(fd int, peer netip.Addr, on *edge.Listener) // one that was admitted
}

// add begins to accept on a listening descriptor, which is closed if that fails.
func (as *acceptors) add(fd int, on *edge.Listener) error {
	a := &acceptor{on: on, pause: firstPause}
	a.fd, a.accept = int32(fd), a
	if err := as.reactor.add(&a.socket, unix.EPOLLIN); err != nil {
		as.shut(&a.socket)
		return fmt.Errorf("cannot watch a listening socket: %w", err)
	}
	as.all = append(as.all, a)
	return nil
}

// remove ends acceptors. What waits on their sockets by now is accepted first: if nobody else
// holds the socket, the kernel resets what waits on it when it is closed.
func (as *acceptors) remove(which func(*acceptor) bool) {
	as.all = slices.DeleteFunc(as.all, func(a *acceptor) bool {
		if !which(a) {
			return false
		}
		as.event(a)
		as.shut(&a.socket)
		return true
	})
}

// event accepts what has come, up to a bound: connections that are there want their turn.
func (as *acceptors) event(a *acceptor) {
	for i := range acceptsATurn {
		if as.server.Full() {
			if i > 0 {
				return // whether another one waits the next turn tells
			}
			as.server.MakeRoom(false)
			as.rest(a, admittedPause)
			return
		}
		if a.on.Activated {
			unix.SetNonblock(int(a.fd), true) // it can be set
		}
		fd, from, err := unix.Accept4(int(a.fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == nil && as.server.Spares(fd) {
			unix.Close(fd) // it was not admitted
			err = unix.EMFILE
		}
		switch err {
		case nil:
			a.pause = firstPause
			as.welcome(a, fd, peerOf(from))
		case unix.EAGAIN:
			return
		case unix.ECONNABORTED, unix.EINTR:
		default:
			// EMFILE, ENFILE, ENOBUFS, ENOMEM: it passes, or waiting is all one can do.
			as.server.ReportExhausted(a.on, os.NewSyscallError("accept4", err))
			as.server.MakeRoom(true)
			as.rest(a, a.pause)
			a.pause = min(2*a.pause, lastPause)
			return
		}
	}
}

// rest stops accepting for a while.
func (as *acceptors) rest(a *acceptor, d time.Duration) {
	as.watch(&a.socket, 0)
	as.arm(&a.timer, d)
}

func (as *acceptors) resume(a *acceptor) { as.watch(&a.socket, unix.EPOLLIN) }

func (as *acceptors) welcome(a *acceptor, fd int, peer netip.Addr) {
	if !as.server.Acquire(peer, a.on) {
		unix.Close(fd) // it was not admitted
		return
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // it is only slower without
	as.begin(fd, peer, a.on)
}

// resumeAll goes on with those that rest.
func (as *acceptors) resumeAll() {
	for _, a := range as.all {
		if a.interest == 0 {
			as.resume(a)
		}
	}
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
