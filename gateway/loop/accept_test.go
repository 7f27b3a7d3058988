//go:build linux

package loop_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/upstream"
)

// TestConnectionLimits: beyond connections further ones wait until one has ended; beyond
// connections_per_ip they are closed. It does not matter on which engine the others are.
func TestConnectionLimits(t *testing.T) {
	r := begin(t, func(r *trial) { r.options.Connections = 2 })
	first, readFirst := r.dial(t)
	text, want := through(20 << 10)
	write(t, first, text[:18<<10])
	until(t, "it is on edge's side", func() bool { return r.on.Open() == 1 && r.counts().Clients == 0 })
	second, readSecond := r.dial(t)
	write(t, second, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, readSecond, "200 /local")
	third, readThird := r.dial(t)
	write(t, third, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
	until(t, "accepting rests", func() bool { return r.counts().Resting == 1 })
	if n := r.on.Open(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	write(t, first, text[18<<10:])
	expect(t, readFirst, want)
	first.Close()
	expect(t, readThird, "200 /local")

	r = begin(t, func(r *trial) { r.options.ConnectionsPerIP = 2 })
	for range 2 {
		c, read := r.dial(t)
		write(t, c, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
		expect(t, read, "200 /local")
	}
	_, read := r.dial(t)
	if _, err := read.ReadByte(); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the third: %v, want the end", err)
	}
}

// TestNoDescriptors: while the process has none left, connections wait; afterwards they are served.
func TestNoDescriptors(t *testing.T) {
	r := begin(t, nil)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	addr := r.on.Addr().(*net.TCPAddr)
	low := limit
	low.Cur = 0 // a descriptor that is made must be below
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatalf("setrlimit: %v", err)
	}
	restore := func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) }
	defer restore()
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}); err != nil {
		t.Fatal(err)
	}
	until(t, "accepting rests", func() bool { return r.counts().Resting == 1 })
	restore()
	f := os.NewFile(uintptr(fd), "client")
	defer f.Close()
	write(t, f, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, bufio.NewReader(f), "200 /local")
}

// TestPanic: a panic costs one connection, and nobody else anything.
func TestPanic(t *testing.T) {
	up := newPeer(t, mirror)
	r := begin(t, nil, up.at())
	other, readOther := r.dial(t)
	f := func(text, want string) {
		t.Helper()
		c, read := r.dial(t)
		write(t, c, text)
		if want != "" {
			expect(t, read, want)
		}
		over(t, read, nil)
		write(t, other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
		expect(t, readOther, "200 /x")
	}
	f("GET /panic HTTP/1.1\r\nHost: h\r\n\r\n", "")
	r.made.Add(-1) // it is not used again
	f("GET /panic-finish HTTP/1.1\r\nHost: h\r\n\r\n", "500 panic ends")
	f("GET /panic-loop HTTP/1.1\r\nHost: h\r\n\r\n", "")
}

// TestEndpointsLeave: when an upstream leaves the configuration, requests under way go on, and
// idle connections to it are closed, those that become idle too.
func TestEndpointsLeave(t *testing.T) {
	arrived, goOn, ended := make(chan bool), make(chan bool), make(chan bool, 2)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		defer func() { ended <- true }()
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if req.URL.Path == "/slow" {
				arrived <- true
				<-goOn
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
		}
	})
	r := begin(t, nil, up.at())
	fast, readFast := r.dial(t)
	slow, readSlow := r.dial(t)
	write(t, slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	write(t, fast, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, readFast, "200 old")
	next := newPeer(t, mirror)
	to := []upstream.Address{{Network: "tcp", Dial: next.at()}}
	old := r.upstream.Swap(upstream.New("next", to, r.to))
	old.Stop()
	<-ended
	write(t, fast, "GET /new HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, readFast, "200 /new")
	close(goOn)
	expect(t, readSlow, "200 old")
	<-ended
	if n := r.counts().Idle; n != 1 {
		t.Errorf("%d idle connections, want 1", n)
	}
	until(t, "no exchange is counted", func() bool { return free(old.Endpoints()[0], r.to.MaxConnections) })
}
