package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// passed contains the sockets that the process was started with; the name that a socket unit
// gives them (FileDescriptorName=, or its name) is their name. They can be taken from the
// environment once only, and stay: a listener that has gone can come back.
var passed = sync.OnceValue(func() []*os.File { return activation.Files(true) })

// passedAs returns the socket of a name and a kind, such as SOCK_STREAM; errors call it what.
func passedAs(name string, kind int, what string) (*os.File, error) {
	var list []*os.File
	for _, f := range passed() {
		if f.Name() == name && IsKind(f, kind) {
			list = append(list, f)
		}
	}
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		return nil, fmt.Errorf("systemd has passed no %s named %s: start corsgate by a socket unit with FileDescriptorName=%s", what, name, name)
	default:
		return nil, fmt.Errorf("systemd has passed %d of %s named %s: give each a FileDescriptorName of its own", len(list), what, name)
	}
}

// bindSystemd returns the socket of that name which systemd has passed.
func bindSystemd(name string) (*Group, error) {
	file, err := passedAs(name, unix.SOCK_STREAM, "socket")
	if err != nil {
		return nil, err
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	fd := -1
	if err = neverBlock(ln.(syscall.Conn)); err == nil { // as all listeners of package net
		fd, err = duplicateOf(ln)
	}
	if err = errors.Join(err, ln.Close()); err != nil {
		return nil, err
	}
	return &Group{fds: []int{fd}, addr: ln.Addr()}, nil
}

// neverBlock bounds how long accept, or a read of a datagram, waits on a socket that another process makes blocking. Whether a socket
// blocks is not a matter of a descriptor: systemd makes it blocking whenever it passes it to a process, which can happen between the call
// that makes it non-blocking and accept. An event loop that waited there would serve none of its clients until another one connects.
func neverBlock(c syscall.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	least := unix.Timeval{Usec: 1000} // the kernel rounds it up to its tick
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptTimeval(int(fd), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &least)
	}); e != nil {
		return e
	}
	return err
}
