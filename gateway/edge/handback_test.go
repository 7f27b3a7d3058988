package edge_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/corsgate/corsgate/gateway/edge"
)

// TestStay: a connection that came from elsewhere goes back when it is idle, but after an exchange that had to be made
// here only when no other follows it.
func TestStay(t *testing.T) {
	s := serve(t, options(), loopback(t), func(c *edge.Conn) {
		if string(c.Request.Path) == "/stay" {
			c.KeepBlocking()
		}
		answer(c, c.Request.Path)
	})
	ln := loopback(t)
	defer ln.Close()
	on, peer := edge.NewListener("other", ln), netip.MustParseAddr("127.0.0.1")
	home := make(chan bool)
	adopt := func() (net.Conn, *bufio.Reader) {
		t.Helper()
		client := dial(t, ln)
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if !s.Acquire(peer, on) {
			t.Fatal("not admitted")
		}
		s.Adopt(nc, peer, on, nil, func(nc net.Conn) bool {
			nc.Close() // nobody is answered there
			s.Release(peer, on)
			home <- true
			return true
		})
		return client, bufio.NewReader(client)
	}
	ask := func(c net.Conn, r *bufio.Reader, path string) {
		t.Helper()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.ContentLength != int64(len(path)) {
			t.Fatalf("%s: %v, %v", path, res, err)
		}
		r.Discard(len(path))
	}
	c, r := adopt()
	for range 10 {
		ask(c, r, "/stay")
	}
	ask(c, r, "/go")
	<-home
	c, r = adopt()
	ask(c, r, "/stay")
	<-home // after a while
	c, _ = adopt()
	fmt.Fprint(c, "GET /stay HTTP/1.1\r\nHost: h\r\n\r\nGET /go HTTP/1.1\r\nHost: h\r\n\r\n")
	<-home
}
