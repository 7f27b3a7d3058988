package loop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/corsgate/corsgate/gateway/edge"
	sockets "github.com/corsgate/corsgate/gateway/socket"
	"golang.org/x/sys/unix"
)

// handOver gives a connection to edge's goroutines, with what was read of its next request. It
// comes back when it is idle.
func (l *Loop) handOver(c *client, b []byte) {
	read := append([]byte(nil), b...)
	l.drop(&c.socket)
	l.forget(c)
	l.clients.Add(-1)
	file := os.NewFile(uintptr(c.fd), "client")
	nc, err := net.FileConn(file) // a duplicate
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		l.server.ReportExhausted(c.on, fmt.Errorf("cannot hand a connection over: %w", err))
		l.server.Release(c.peer, c.on)
		return
	}
	if c.secure != nil {
		edge.Rebase(c.secure, nc, append([]byte(nil), l.records.came...))
		nc = c.secure
	}
	peer, on := c.peer, c.on
	l.server.Adopt(nc, peer, on, read, func(nc net.Conn) bool { return l.Take(nc, peer, on, true) })
}

// Take takes an idle connection that was admitted from edge's goroutines: a socket, or edge's [tls.Conn]
// after its handshake; asked says whether it has had a request. It is called on one of them. It reports false if it does not.
func (l *Loop) Take(nc net.Conn, peer netip.Addr, on *edge.Listener, asked bool) bool {
	socket := nc
	secure, _ := nc.(*tls.Conn)
	if secure != nil {
		socket = edge.Rebase(secure, &l.records, nil)
	}
	multiplexed := secure != nil && secure.ConnectionState().NegotiatedProtocol == "h2"
	fd, err := sockets.Duplicate(socket.(syscall.Conn))
	if err == nil && !l.Post(func() { l.begin(fd, peer, on, secure, asked, multiplexed) }) {
		err = errors.Join(net.ErrClosed, unix.Close(fd))
	}
	if err != nil {
		if secure != nil {
			edge.Rebase(secure, socket, nil)
		}
		return false
	}
	socket.Close() // the duplicate goes on
	return true
}
