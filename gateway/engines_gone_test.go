package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestClientGone: on either engine a client that resets its connection, while the upstream thinks
// about the response or is in the midst of it, has the exchange with the upstream end.
func TestClientGone(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		for _, begins := range []string{"", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"} {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			arrived, ended := make(chan bool), make(chan error, 1)
			go func() {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				r := bufio.NewReader(c)
				http.ReadRequest(r)
				io.WriteString(c, begins)
				arrived <- true
				_, err = r.ReadByte()
				ended <- err
			}()
			_, address := serveOn(t, engine, "[upstream.api]\nendpoints = [\"http://"+ln.Addr().String()+"\"]\n[route.api]\nupstream = \"api\"\ntimeout = \"0s\"\n")
			c := dial(t, address)
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			<-arrived
			if begins != "" {
				if _, err := c.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
			c.SetLinger(0)
			c.Close()
			if err := <-ended; err == nil {
				t.Errorf("%s: the upstream was sent more", engine)
			}
			ln.Close()
		}
	}
}
