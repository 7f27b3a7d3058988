//go:build unix

package conn

import "golang.org/x/sys/unix"

// A Poll is what a look at a socket needs; it is kept, because it would escape to the heap.
type Poll struct{ fds [1]unix.PollFd }

// Silent reports whether there is nothing to read from a socket: no bytes, no end, no error. A
// peek by recvfrom would do, but the wrapper of that allocates an address.
func (p *Poll) Silent(fd uintptr) bool {
	p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, err := unix.Poll(p.fds[:], 0)
	return n == 0 && (err == nil || err == unix.EINTR)
}
