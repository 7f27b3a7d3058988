// Package socket binds addresses, over TCP, UDP and Unix sockets, inherits sockets from the
// service manager or from another process, and passes them on. It is independent of the
// protocols above them. It is internal to the gateway.
package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// backlog is how many connections may wait to be accepted on one socket, as far as the system allows.
const backlog = 4096

// A Group is the listening sockets of one address. It only reserves the address: listeners accept on
// duplicates, so that it can be replaced, and another process be given the same sockets, without
// losing a connection that waits to be accepted.
//
// Its methods must not be called concurrently.
type Group struct {
	fds  []int
	addr net.Addr
	path string      // of a Unix socket that is removed in the end; "" for none
	made os.FileInfo // what is there
}

// Bind binds an address: "host:port", ":port", "unix:/path", or "systemd:NAME" for a socket that systemd
// has bound. There are n sockets for a TCP address, between which the kernel divides connections, and one for others.
//
// An address in use is an error; beside says that it may be in use by another listener of this
// process, which is about to leave it. A Unix socket that a dead process has left is removed.
func Bind(address string, n int, beside bool) (*Group, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return bindUnix(path)
	}
	if name, ok := strings.CutPrefix(address, "systemd:"); ok {
		return bindSystemd(name)
	}
	// Sockets that share an address would also share it with another process of the same user, so
	// a plain socket is tried first.
	if !beside {
		probe, err := net.Listen("tcp", address)
		if err != nil {
			return nil, explain(err)
		}
		address = probe.Addr().String()
		if err := probe.Close(); err != nil {
			return nil, err
		}
	}
	config := net.ListenConfig{Control: reusePort}
	s := &Group{}
	for range n {
		ln, err := config.Listen(context.Background(), "tcp", address)
		if err == nil {
			err = s.take(ln)
		}
		if err != nil {
			return nil, errors.Join(explain(err), s.Close())
		}
	}
	return s, nil
}

func bindUnix(path string) (*Group, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, explain(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // it is only closed here
	s := &Group{}
	if err := s.take(ln); err != nil {
		return nil, err
	}
	s.owns(path)
	return s, nil
}

// removeStale removes a Unix socket that a dead process has left.
func removeStale(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // nothing is there, or the bind will say why not
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is no socket: remove it or choose another path", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close() // that it could be opened is all that matters
		return fmt.Errorf("another process serves %s: stop it or choose another path", path)
	}
	return os.Remove(path)
}

// owns makes Close remove the file that is at path now.
func (s *Group) owns(path string) {
	s.path = path
	s.made, _ = os.Lstat(path) // it has just been made; if it has been removed, nothing is left to do
}

// take closes ln and keeps a duplicate of its socket.
func (s *Group) take(ln net.Listener) error {
	fd, err := duplicateOf(ln)
	if err == nil {
		s.fds, s.addr = append(s.fds, fd), ln.Addr()
		// Package net takes the system's maximum, which may be small.
		err = unix.Listen(fd, backlog)
	}
	return errors.Join(err, ln.Close())
}

// duplicateOf returns a descriptor of our own for what package net holds.
func duplicateOf(ln net.Listener) (fd int, err error) {
	c, ok := ln.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("a %T has no socket", ln)
	}
	return Duplicate(c)
}

// Duplicate returns a descriptor of the caller's own for a socket that package net holds: that
// one is polled by Go's runtime. Both have to be closed.
func Duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	if e := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); e != nil {
		return -1, e
	}
	return fd, err
}

// Inherit returns the sockets that another process has bound to address and handed over as files, which
// it closes.
func Inherit(address string, files []*os.File) (*Group, error) {
	s := &Group{}
	for _, f := range files {
		ln, err := net.FileListener(f)
		if err == nil {
			err = s.take(ln)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, errors.Join(fmt.Errorf("a socket that was handed over for %s cannot be used: %w", address, err), s.release())
		}
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		s.owns(path)
	}
	return s, nil
}

// Addr returns the address.
func (s *Group) Addr() net.Addr { return s.addr }

// Len returns how many sockets there are.
func (s *Group) Len() int { return len(s.fds) }

// Duplicate returns a descriptor of the i-th socket, which is the caller's. It does not block.
func (s *Group) Duplicate(i int) (fd int, err error) {
	return unix.FcntlInt(uintptr(s.fds[i]), unix.F_DUPFD_CLOEXEC, 0)
}

// File returns the i-th socket as a file, which is the caller's.
func (s *Group) File(i int) (*os.File, error) {
	fd, err := s.Duplicate(i)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), s.addr.String()), nil
}

// Listener returns a listener on the i-th socket, which is the caller's.
func (s *Group) Listener(i int) (net.Listener, error) {
	f, err := s.File(i)
	if err != nil {
		return nil, err
	}
	ln, err := net.FileListener(f) // a duplicate
	return ln, errors.Join(err, f.Close())
}

// Close gives the address up, as far as this process is concerned.
func (s *Group) Close() error {
	if s.made != nil {
		if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.made) {
			os.Remove(s.path) // it is stale then, which the next to bind it sees
		}
	}
	return s.release()
}

// Leave closes the sockets and leaves the address to the process that they were handed over to.
func (s *Group) Leave() { s.release() } // the descriptors are closed in any case

func (s *Group) release() (err error) {
	for _, fd := range s.fds {
		err = errors.Join(err, unix.Close(fd))
	}
	s.fds, s.made = nil, nil
	return err
}
