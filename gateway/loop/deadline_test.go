//go:build linux

package loop_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDeadlines: each wait on a client ends.
func TestDeadlines(t *testing.T) {
	const short = 20 * time.Millisecond
	type change = func(*trial)
	header, idle := func(r *trial) { r.options.Header = short }, func(r *trial) { r.options.Idle = short }
	bodyIdle := func(r *trial) { r.options.BodyIdle = short }
	f := func(change change, text string, want ...string) {
		t.Helper()
		r := begin(t, change)
		c, read := r.dial(t)
		write(t, c, text)
		for _, want := range want {
			expect(t, read, want)
		}
		over(t, read, nil)
	}
	f(header, "")
	f(idle, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n", "200 /local")
	f(header, "GET /local HTTP/1.1\r\nHost: h\r\n", "408 the request did not come in time\n ends")
	f(header, "GET /local HTTP/1.1\r\nHost: h\r\n\r\nGET /local", "200 /local", "408 the request did not come in time\n ends")
	f(bodyIdle, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234", "408 refused: timeout ends")
	f(bodyIdle, "POST /local HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234", "200 /local")
}

// TestDrops: octets that come in time do not move the deadline of a head, nor that of content.
func TestDrops(t *testing.T) {
	f := func(text, drop, other string) {
		t.Helper()
		r := begin(t, func(r *trial) { r.options.Header, r.options.BodyIdle = 200*time.Millisecond, 200*time.Millisecond })
		c, read := r.dial(t)
		write(t, c, text)
		go func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := io.WriteString(c, drop); err != nil {
					return
				}
			}
		}()
		if got := answer(t, read, "GET"); !strings.HasPrefix(got, "408") && !strings.HasPrefix(got, other) {
			t.Errorf("%.30q: %q, want 408", text, got)
		}
	}
	f("GET /local HTTP/1.1\r\n", "A: a\r\n", "431")
	f("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n", "x", "408")
}

// TestPause: what has come by the time that a loop goes on after a pause is looked at before deadlines are judged, from
// clients and from endpoints, and however much it is.
func TestPause(t *testing.T) {
	const clients = 600 // more than one turn takes
	asked, reply := make(chan struct{}), make(chan struct{})
	p := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		asked <- struct{}{}
		<-reply
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // the test will see
		asked <- struct{}{}
	})
	r := begin(t, nil, p.at())
	waiting, answers := r.dial(t)
	write(t, waiting, "GET /up HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	var conns []net.Conn
	var reads []*bufio.Reader
	for range clients {
		c, read := r.dial(t)
		conns, reads = append(conns, c), append(reads, read)
	}
	until(t, "all are accepted", func() bool { return r.on.Open() == clients+1 })
	r.loop.Inside(func() {
		for _, c := range conns {
			write(t, c, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
		}
		close(reply)
		<-asked
		r.loop.Skip(2 * patience)
	})
	expect(t, answers, "200 ok")
	for _, read := range reads {
		expect(t, read, "200 /local")
	}
}
