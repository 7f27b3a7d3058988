package socket

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// explain returns an error that says what to do about the usual reasons for which an address cannot be bound.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the address is in use by another process: %w", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("not permitted (ports below 1024 need CAP_NET_BIND_SERVICE): %w", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this machine does not have the address: %w", err)
	}
	return err
}

// IsKind reports whether a file is a socket of a kind, such as SOCK_STREAM.
func IsKind(file *os.File, kind int) bool {
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	is := -1
	err = raw.Control(func(fd uintptr) { is, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE) })
	return err == nil && is == kind
}
