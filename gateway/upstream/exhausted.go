package upstream

import (
	"errors"
	"syscall"
)

// Exhausted reports whether err says that this machine is short of something: descriptors, ports, memory. No endpoint is the cause,
// and it says nothing about any.
func Exhausted(err error) bool {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return false
	}
	switch no {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL:
		return true
	}
	return false
}

// Unconnected returns the Error for a connection that could not be made because of err; late says that the exchange has no
// time left.
func Unconnected(err error, late bool) *Error {
	status := 502
	switch {
	case late:
		status = 504
	case Exhausted(err):
		status = 503
	}
	return &Error{status, ClassConnect, err}
}
