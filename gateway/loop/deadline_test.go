//go:build linux

package loop_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// never is so long that no test waits for it, however much time a loop skips.
const never = 10_000 * patience

// endless has no wait end but those that a test shortens.
func (r *trial) endless() {
	r.options.Header, r.options.Idle, r.options.BodyIdle = never, never, never
	r.to.FirstByteTimeout, r.to.IdleTimeout, r.to.ConnectTimeout, r.to.QueueTimeout = never, never, never, never
}

// TestDeadlines: each wait on a client ends. What the client has sent is there before the loop skips the time.
func TestDeadlines(t *testing.T) {
	type change = func(*trial)
	header, idle := func(r *trial) { r.endless(); r.options.Header = patience }, func(r *trial) { r.endless(); r.options.Idle = patience }
	bodyIdle := func(r *trial) { r.endless(); r.options.BodyIdle = patience }
	f := func(change change, text string, want ...string) {
		t.Helper()
		r := begin(t, change)
		c, read := r.dial(t)
		write(t, c, text)
		until(t, "it is accepted", func() bool { return r.on.Open() == 1 })
		for len(want) > 1 {
			expect(t, read, want[0])
			want = want[1:]
		}
		until(t, "the connection ends", func() bool {
			r.loop.Inside(func() { r.loop.Skip(2 * patience) })
			return r.on.Open() == 0
		})
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
		r := begin(t, func(r *trial) { r.endless(); r.options.Header, r.options.BodyIdle = patience, patience })
		c, read := r.dial(t)
		write(t, c, text)
		until(t, "it is accepted", func() bool { return r.on.Open() == 1 })
		for range 60 { // three times as long as may be
			if _, err := io.WriteString(c, drop); err != nil {
				break // it has been answered
			}
			r.loop.Inside(func() { r.loop.Skip(patience / 20) })
		}
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
