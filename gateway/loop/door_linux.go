package loop

import (
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/corsgate/corsgate/gateway/edge"
	"golang.org/x/sys/unix"
)

// handOver gives a connection to edge's goroutines, with what was read of its next request. It
// comes back when it is idle.
func (l *Loop) handOver(c *client, b []byte) {
	read := append([]byte(nil), b...)
	l.drop(&c.socket)
	l.forget(c)
	l.clients--
	file := os.NewFile(uintptr(c.fd), "client")
	nc, err := net.FileConn(file) // a duplicate
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		l.log.Warn("cannot hand a connection over", "error", err)
		l.server.Leave(c.peer, c.on)
		return
	}
	peer, on := c.peer, c.on
	l.server.Adopt(nc, peer, on, read, func(nc net.Conn) bool { return l.Take(nc, peer, on) })
}

// Take takes an idle connection that was admitted from edge's goroutines. It is called on one of them.
// It reports false if it does not.
func (l *Loop) Take(nc net.Conn, peer netip.Addr, on *edge.Listener) bool {
	fd, err := duplicate(nc.(syscall.Conn))
	if err != nil {
		return false
	}
	if !l.Post(func() { l.begin(fd, peer, on, true) }) {
		unix.Close(fd) //nolint:errcheck // it was not used
		return false
	}
	nc.Close() //nolint:errcheck // the duplicate goes on
	return true
}
