//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestServeTunnelsAtExit: a tunnel that outlives timeouts.shutdown is closed, and the exit is still the one that was asked for.
func TestServeTunnelsAtExit(t *testing.T) {
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	go func() {
		c, err := up.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n") // the test will see
		io.Copy(c, r)                                                                                         // likewise
	}()
	c := spawn(t, write(t, strings.Replace(forwarding("http://"+up.Addr().String(), "100ms"), "upstream = \"up\"", "upstream = \"up\"\nupgrades = [\"echo\"]", 1)))
	client, err := net.Dial("tcp", strings.TrimPrefix(c.gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n") // the test will see
	res, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v, want 101", res, err)
	}
	c.signal(syscall.SIGTERM)
	c.await("connections still in use after timeouts.shutdown were closed")
	c.ends(0)
}
