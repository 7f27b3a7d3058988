package loop

import (
	"golang.org/x/sys/unix"
)

// A socket is a descriptor in a loop's epoll set, with its deadline.
type socket struct {
	fd       int32
	gen      int32  // tells an event of this socket from one of an earlier with the same fd
	interest uint32 // what epoll watches
	client   *client
	up       *upconn
	accept   *acceptor
	timer
}

const (
	readable = unix.EPOLLIN | unix.EPOLLRDHUP
	writable = unix.EPOLLOUT
	dead     = unix.EPOLLERR | unix.EPOLLHUP // always watched
)

// add puts a socket into the epoll set.
func (r *reactor) add(s *socket, interest uint32) error {
	r.gen++
	s.gen, s.interest, s.timer.socket = r.gen, interest, s
	for len(r.sockets) <= int(s.fd) {
		r.sockets = append(r.sockets, nil)
	}
	r.sockets[s.fd] = s
	return unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, int(s.fd), &unix.EpollEvent{Events: interest, Fd: s.fd, Pad: s.gen})
}

// watch changes what epoll watches.
func (r *reactor) watch(s *socket, interest uint32) {
	if s.interest == interest {
		return
	}
	s.interest = interest
	err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_MOD, int(s.fd), &unix.EpollEvent{Events: interest, Fd: s.fd, Pad: s.gen})
	if err != nil {
		panic("BUG: epoll_ctl: " + err.Error())
	}
}

// drop takes a socket out of the set and off the wheel, and leaves it open.
func (r *reactor) drop(s *socket) {
	r.wheel.remove(&s.timer)
	r.sockets[s.fd] = nil
	unix.EpollCtl(r.epoll, unix.EPOLL_CTL_DEL, int(s.fd), nil) // it is in the set
}

// shut takes a socket out of the set and closes it, which the kernel also takes for its removal.
func (r *reactor) shut(s *socket) {
	r.wheel.remove(&s.timer)
	r.sockets[s.fd] = nil
	unix.Close(int(s.fd)) // there is nothing to be done about it
}
