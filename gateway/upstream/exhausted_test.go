package upstream_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/upstream"
)

func TestUnconnected(t *testing.T) {
	f := func(err error, late bool, want int) {
		t.Helper()
		if e := upstream.Unconnected(err, late); e.Status != want || e.Class != upstream.ClassConnect || !errors.Is(e, err) {
			t.Errorf("%v, late: %t: %v %d, want %d", err, late, e, e.Status, want)
		}
	}
	dial := func(err error) error { return fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: err}) }
	f(dial(os.NewSyscallError("socket", syscall.EMFILE)), false, 503)
	f(dial(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)), false, 503)
	f(dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), false, 502)
	f(errors.New("no"), false, 502)
	f(dial(os.NewSyscallError("socket", syscall.EMFILE)), true, 504)
}
