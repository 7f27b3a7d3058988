//go:build unix

package upstream

import "golang.org/x/sys/unix"

// peekSocket looks at a non-blocking socket without reading from it.
func peekSocket(fd uintptr) peekState {
	var b [1]byte
	n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return peekQuiet
	case err != nil || n == 0:
		return peekClosed
	}
	return peekWaiting
}
