package socket_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/socket"
)

// TestBind: the address is checked, and all sockets have it.
func TestBind(t *testing.T) {
	s, err := socket.Bind("127.0.0.1:0", 3, false)
	if err != nil || s.Len() != 3 {
		t.Fatalf("%v, %v", s, err)
	}
	address := s.Addr().String()
	if _, err := socket.Bind(address, 1, false); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second time: %v, want the address in use", err)
	}
	beside, err := socket.Bind(address, 1, true)
	if err != nil {
		t.Errorf("beside: %v", err)
	} else {
		beside.Close()
	}
	for i := range s.Len() {
		ln, err := s.Listener(i)
		if err != nil || ln.Addr().String() != address {
			t.Errorf("%v, %v, want %s", ln, err, address)
		}
		ln.Close()
	}
	s.Close()
	if again, err := socket.Bind(address, 1, false); err != nil {
		t.Errorf("after Close: %v", err)
	} else {
		again.Close()
	}
	for _, bad := range []string{"127.0.0.1:x", "systemd:nobody", "unix:/no/such/directory/socket"} {
		if _, err := socket.Bind(bad, 1, false); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// TestInherit: sockets outlive the one that has bound them, with the connections that wait.
func TestInherit(t *testing.T) {
	path := "unix:" + filepath.Join(t.TempDir(), "edge.sock")
	for _, address := range []string{"127.0.0.1:0", path} {
		first, err := socket.Bind(address, 1, false)
		if err != nil {
			t.Fatal(err)
		}
		network := first.Addr().Network()
		waiting, err := net.Dial(network, first.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer waiting.Close()
		file, err := first.File(0)
		if err != nil {
			t.Fatal(err)
		}
		second, err := socket.Inherit(address, []*os.File{file})
		if err != nil {
			t.Fatal(err)
		}
		first.Leave()
		ln, err := second.Listener(0)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := ln.Accept(); err != nil {
			t.Errorf("%s: %v", address, err)
		} else {
			c.Close()
		}
		ln.Close()
		second.Close()
		if c, err := net.Dial(network, first.Addr().String()); err == nil {
			c.Close()
			t.Errorf("%s is served after Close", address)
		}
	}
	if _, err := os.Stat(path[len("unix:"):]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s was left: %v", path, err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := socket.Inherit("127.0.0.1:1", []*os.File{file}); err == nil {
		t.Error("a file was taken for a socket")
	}
}

// TestStaleSocket: a Unix socket that a dead process has left is taken over, a living one is not.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.sock")
	s, err := socket.Bind("unix:"+path, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := socket.Bind("unix:"+path, 1, false); err == nil {
		t.Error("a socket that is served was taken over")
	}
	s.Leave()
	s, err = socket.Bind("unix:"+path, 1, false)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	defer s.Close()
	ln, err := s.Listener(0)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if accepted, err := ln.Accept(); err != nil {
		t.Errorf("a socket in the place of a stale one does not accept: %v", err)
	} else {
		accepted.Close()
	}
	os.WriteFile(path+"x", nil, 0o600)
	if _, err := socket.Bind("unix:"+path+"x", 1, false); err == nil {
		t.Error("a file was taken for a socket")
	}
}
