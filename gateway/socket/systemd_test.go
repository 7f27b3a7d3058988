//go:build linux

package socket

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNeverBlock: accept returns from a socket that was made blocking, although there is nothing to accept.
func TestNeverBlock(t *testing.T) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	tcp, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	local, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	for _, ln := range []net.Listener{tcp, local} {
		defer ln.Close()
		fd, err := duplicateOf(ln)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := neverBlock(ln.(syscall.Conn)); err != nil {
			t.Fatal(err)
		}
		if err := unix.SetNonblock(fd, false); err != nil {
			t.Fatal(err)
		}
		accepted := make(chan error, 1)
		go func() {
			_, _, err := unix.Accept4(fd, 0)
			accepted <- err
		}()
		select {
		case err := <-accepted:
			if err != unix.EAGAIN && err != unix.EINTR {
				t.Errorf("%s: accept: %v, want EAGAIN", ln.Addr().Network(), err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: accept waits", ln.Addr().Network())
		}
	}
}
