//go:build unix

package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestReceiveLate: what has come by the time that a deadline is found to have passed is read, once in an exchange; and nothing
// is waited for.
func TestReceiveLate(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	c, err := newConn(nc)
	if err != nil {
		t.Fatal(err)
	}
	receive := func(want string) {
		t.Helper()
		c.SetReadBy(time.Unix(1, 0))
		var b [8]byte
		n, err := c.receive(b[:])
		if got := string(b[:n]); got != want || want == "" && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	receive("")
	for _, spared := range []bool{false, true} {
		c.spared = spared
		io.WriteString(peer, "late") // it shows
		for !c.speaks() {
			time.Sleep(time.Millisecond)
		}
		if spared {
			receive("")
		} else {
			receive("late")
		}
	}
}
