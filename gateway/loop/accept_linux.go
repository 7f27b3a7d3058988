package loop

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"golang.org/x/sys/unix"
)

const (
	backlog       = 4096
	acceptsATurn  = 64
	firstPause    = 5 * time.Millisecond // after an accept error; doubled up to lastPause
	lastPause     = time.Second
	admittedPause = 50 * time.Millisecond // while there are as many connections as there may be
)

// An acceptor is a listening socket of one loop.
type acceptor struct {
	socket
	on    *edge.Listener
	pause time.Duration
}

// Listen binds n sockets to one TCP address, between which the kernel divides connections, and
// returns them with the address.
//
// Sockets that share an address would also share it with another process of the same user, so a
// plain socket is tried first: an address in use is an error, as everywhere.
func Listen(address string, n int) (fds []int, addr net.Addr, err error) {
	probe, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	addr = probe.Addr()
	if err := probe.Close(); err != nil {
		return nil, nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}); e != nil {
			return e
		}
		return err
	}}
	for range n {
		fd, err := listenOnce(&config, addr.String())
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd) //nolint:errcheck // it was not used
			}
			return nil, nil, err
		}
		fds = append(fds, fd)
	}
	return fds, addr, nil
}

// listenOnce returns a listening descriptor of our own.
func listenOnce(config *net.ListenConfig, address string) (fd int, err error) {
	ln, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return -1, err
	}
	defer ln.Close() //nolint:errcheck // the duplicate goes on listening
	if fd, err = duplicate(ln.(*net.TCPListener)); err != nil {
		return -1, err
	}
	// Package net took the system's maximum, which may be small.
	if err := unix.Listen(fd, backlog); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// Accept adds a listening descriptor, which the loop then owns. It must be called before Run.
func (l *Loop) Accept(fd int, on *edge.Listener) error {
	a := &acceptor{on: on, pause: firstPause}
	a.fd, a.accept = int32(fd), a
	l.acceptors = append(l.acceptors, a)
	return l.add(&a.socket, unix.EPOLLIN)
}

// acceptEvent accepts what has come, up to a bound: connections that are there want their turn.
func (l *Loop) acceptEvent(a *acceptor) {
	for range acceptsATurn {
		if l.server.Full() {
			l.rest(a, admittedPause)
			return
		}
		fd, from, err := unix.Accept4(int(a.fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			a.pause = firstPause
			l.welcome(a, fd, peerOf(from))
		case unix.EAGAIN:
			return
		case unix.ECONNABORTED, unix.EINTR:
		default:
			// EMFILE, ENFILE, ENOBUFS, ENOMEM: it passes, or waiting is all one can do.
			l.rest(a, a.pause)
			a.pause = min(2*a.pause, lastPause)
			return
		}
	}
}

// rest stops accepting for a while.
func (l *Loop) rest(a *acceptor, d time.Duration) {
	l.watch(&a.socket, 0)
	l.arm(&a.socket, d)
}

func (l *Loop) resume(a *acceptor) { l.watch(&a.socket, unix.EPOLLIN) }

func (l *Loop) welcome(a *acceptor, fd int, peer netip.Addr) {
	if !l.server.Admit(peer, a.on) {
		unix.Close(fd) //nolint:errcheck // it was not admitted
		return
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) //nolint:errcheck // it is only slower without
	l.begin(fd, peer, a.on, false)
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
