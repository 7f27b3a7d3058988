//go:build unix

package upstream

import "golang.org/x/sys/unix"

// poll is what a look at a socket needs; it is kept, because it would escape to the heap.
type poll struct{ fds [1]unix.PollFd }

// silent reports whether there is nothing to read from a socket: no octets, no end, no error. A
// peek by recvfrom would do, but the wrapper of that allocates an address.
func (p *poll) silent(fd uintptr) bool {
	p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, err := unix.Poll(p.fds[:], 0)
	return n == 0 && (err == nil || err == unix.EINTR)
}
