package edge_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// TestBind: the address is checked, and all sockets have it.
func TestBind(t *testing.T) {
	s, err := edge.Bind("127.0.0.1:0", 3, false)
	if err != nil || s.Len() != 3 {
		t.Fatalf("%v, %v", s, err)
	}
	address := s.Addr().String()
	if _, err := edge.Bind(address, 1, false); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second time: %v, want the address in use", err)
	}
	beside, err := edge.Bind(address, 1, true)
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
	if again, err := edge.Bind(address, 1, false); err != nil {
		t.Errorf("after Close: %v", err)
	} else {
		again.Close()
	}
	for _, bad := range []string{"127.0.0.1:x", "systemd:nobody", "unix:/no/such/directory/socket"} {
		if _, err := edge.Bind(bad, 1, false); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// TestInherit: sockets outlive the one that has bound them, with the connections that wait.
func TestInherit(t *testing.T) {
	path := "unix:" + filepath.Join(t.TempDir(), "edge.sock")
	for _, address := range []string{"127.0.0.1:0", path} {
		first, err := edge.Bind(address, 1, false)
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
		second, err := edge.Inherit(address, []*os.File{file})
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
	if _, err := edge.Inherit("127.0.0.1:1", []*os.File{file}); err == nil {
		t.Error("a file was taken for a socket")
	}
}

// TestStaleSocket: a Unix socket that a dead process has left is taken over, a living one is not.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.sock")
	s, err := edge.Bind("unix:"+path, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := edge.Bind("unix:"+path, 1, false); err == nil {
		t.Error("a socket that is served was taken over")
	}
	s.Leave()
	s, err = edge.Bind("unix:"+path, 1, false)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	defer s.Close()
	ln, err := s.Listener(0)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, options(), ln, func(c *edge.Conn) { answer(c, []byte(c.Peer().String())) })
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	ask(t, c, bufio.NewReader(c))
	os.WriteFile(path+"x", nil, 0o600)
	if _, err := edge.Bind("unix:"+path+"x", 1, false); err == nil {
		t.Error("a file was taken for a socket")
	}
}
