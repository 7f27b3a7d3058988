package tooltest

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

// Refusing returns an address of loopback at which connections are refused until the test ends: a socket is bound to it that
// does not listen, so that no other socket, of this process or another, is given its port meanwhile.
func Refusing(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "bound")
	t.Cleanup(func() { f.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	a, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint("127.0.0.1:", a.(*syscall.SockaddrInet4).Port)
}

// FreePort returns an address of loopback with a port that is free now, for a process that is to listen on it. Another process may
// be quicker.
func FreePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
