//go:build unix

package edge

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Watch has gone called, on another goroutine, when the client resets the connection or ends its
// side. It may still wait for a response then, but hardly any client does; see
// [HalfClosedWait]. stop ends the watch; after it gone is not called. Content must not be read until then.
func (c *Conn) Watch(gone func()) (stop func()) {
	if c.stream != nil {
		return c.stream.Watch(gone)
	}
	nc := c.Conn
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = t.NetConn()
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return func() {}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return func() {}
	}
	c.setReadDeadline(time.Now().Add(watchTime))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := raw.Read(ended); err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			gone()
		}
	}()
	return func() {
		c.wake()
		<-done
		c.setReadDeadline(time.Now().Add(watchTime)) // the next read moves it again
	}
}

// speaks reports whether something can be read from a socket without waiting.
func speaks(nc net.Conn) (yes bool) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	raw.Control(func(fd uintptr) { // a closed socket has nothing to say
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		yes = n > 0 && err == nil
	})
	return yes
}

// watchTime is longer than any exchange.
const watchTime = 10 * 365 * 24 * time.Hour

// ended reports whether a socket is dead, or its peer has ended its side, whatever is still to be
// read. It is called again when something comes in.
func ended(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: halfClosed}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP|halfClosed) != 0
}
