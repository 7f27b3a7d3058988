package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// BindUDP binds a UDP address, "host:port". An address in use is an error; beside says that it may be in use by another socket
// of this process, which is about to be closed.
func BindUDP(address string, beside bool) (*net.UDPConn, error) {
	// As with TCP: a socket that shares an address would also share it with another process.
	if !beside {
		probe, err := net.ListenPacket("udp", address)
		if err != nil {
			return nil, explain(err)
		}
		if err := probe.Close(); err != nil {
			return nil, err
		}
	}
	config := net.ListenConfig{Control: reusePort}
	pc, err := config.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, explain(err)
	}
	return pc.(*net.UDPConn), nil
}

// PassedUDP returns the UDP socket of a name that systemd has passed: ListenDatagram= beside the ListenStream= of the same
// unit.
func PassedUDP(name string) (*net.UDPConn, error) {
	file, err := passedAs(name, unix.SOCK_DGRAM, "UDP socket")
	if err != nil {
		return nil, err
	}
	pc, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the socket of datagrams named %s is not of UDP", name), pc.Close())
	}
	if err := neverBlock(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// reusePort lets a socket share its address with others of the same user.
func reusePort(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); e != nil {
		return e
	}
	return err
}
