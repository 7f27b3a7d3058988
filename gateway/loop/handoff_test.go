//go:build linux

package loop_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/upstream"
)

// A request longer than one read is handed over: edge answers with its content.
func through(n int) (request, want string) {
	content := strings.Repeat("x", n)
	return fmt.Sprintf("POST /over HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", n, content), "200 " + content
}

// TestDoor: what is large, open-ended or awaited is served on edge's goroutines, with the octets
// that were read so far and with what was sent behind it, and the connection comes back.
func TestDoor(t *testing.T) {
	r := begin(t, nil, newPeer(t, mirror).at())
	c, read := r.dial(t)
	local := func() {
		t.Helper()
		until(t, "the connection is back", func() bool { return r.counts().Clients == 1 })
		write(t, c, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
		expect(t, read, "200 /local")
	}
	large, want := through(100 << 10)
	write(t, c, large)
	expect(t, read, want)
	local()
	// The head in pieces, then chunks in pieces.
	for _, piece := range []string{"POST / HTTP/1.1\r\nHo", "st: h\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhel", "lo\r\n", "0\r\n\r\n"} {
		write(t, c, piece)
	}
	expect(t, read, "200 hello")
	local()
	write(t, c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if line, _ := read.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, want 100", line)
	}
	read.ReadString('\n')
	write(t, c, "hello")
	expect(t, read, "200 hello")
	local()
	// What the exchange says is for elsewhere: as it was, chunks and all.
	write(t, c, "GET /elsewhere HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "200 ")
	local()
	write(t, c, "POST /elsewhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nGET /local HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "200 hello")
	expect(t, read, "200 ") // edge answers it as well: it came before the connection was idle
	local()
	// Others before and behind it, in one write: those before are the loop's.
	text, want := through(80 << 10)
	write(t, c, "GET /f HTTP/1.1\r\nHost: h\r\n\r\nGET /local HTTP/1.1\r\nHost: h\r\n\r\n"+text+"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
	for _, want := range []string{"200 /f", "200 /local", want, "200 x"} {
		expect(t, read, want)
	}
	local()
}

// TestDoorManyTimes: a connection that goes in and out leaves nothing behind; begin's end looks.
func TestDoorManyTimes(t *testing.T) {
	r := begin(t, nil)
	c, read := r.dial(t)
	text, want := through(70 << 10)
	before := 0
	for i := range 1000 {
		write(t, c, text)
		expect(t, read, want)
		write(t, c, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
		expect(t, read, "200 /local")
		if i == 10 {
			before = descriptors(t)
		}
	}
	until(t, "no descriptor was left", func() bool { return descriptors(t) <= before })
	if n := r.on.Open(); n != 1 {
		t.Errorf("%d connections are open, want 1", n)
	}
}

// TestDrain: idle connections end at once, also one that was handed over; busy ones when
// their response is complete, which says so if it can.
func TestDrain(t *testing.T) {
	arrived, goOn := make(chan bool), make(chan bool)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if req.URL.Path == "/begun" {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
			arrived <- true
			<-goOn
			io.WriteString(c, "lo")
			return
		}
		arrived <- true
		<-goOn
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	})
	r := begin(t, nil, up.at())
	_, fresh := r.dial(t)
	idleConn, idle := r.dial(t)
	write(t, idleConn, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, idle, "200 /local")
	backConn, back := r.dial(t)
	text, want := through(80 << 10)
	write(t, backConn, text)
	expect(t, back, want)
	waitsConn, waits := r.dial(t)
	write(t, waitsConn, "GET /waits HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	begunConn, begun := r.dial(t)
	write(t, begunConn, "GET /begun HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	res, err := http.ReadResponse(begun, nil) // its head is on this side of the drain
	if err != nil {
		t.Fatal(err)
	}
	outsideConn, outside := r.dial(t)
	text, want = through(50 << 10)
	write(t, outsideConn, text[:40<<10])
	until(t, "all are there", func() bool { return r.on.Open() == 6 && r.counts().Clients == 5 })

	r.loop.Drain(edge.Grace)
	over(t, fresh, nil)
	over(t, idle, nil)
	over(t, back, nil)
	if _, err := net.DialTimeout("tcp", r.address, time.Second); err == nil {
		t.Error("a connection was accepted after Drain")
	}
	write(t, outsideConn, text[40<<10:])
	expect(t, outside, want)
	over(t, outside, nil)
	close(goOn)
	expect(t, waits, "200 hello ends")
	over(t, waits, nil)
	if content, err := io.ReadAll(res.Body); string(content) != "hello" || err != nil {
		t.Errorf("%q, %v, want hello", content, err)
	}
	over(t, begun, nil)
	<-r.loop.Done()
}

// TestDrainServesWhatHasCome: a request that lay in the socket when the drain began is answered.
func TestDrainServesWhatHasCome(t *testing.T) {
	r := begin(t, nil)
	c, read := r.dial(t)
	write(t, c, "GET /local HTTP/1.1\r\nHost: h\r\n\r\n")
	expect(t, read, "200 /local")
	r.loop.Inside(func() {
		// The loop's goroutine is here: it has not read what is written now when it drains.
		write(t, c, "GET /local/late HTTP/1.1\r\nHost: h\r\n\r\n")
		r.loop.DrainHere()
	})
	expect(t, read, "200 /local/late ends")
	over(t, read, nil)
	<-r.loop.Done()
}

// TestAbandon ends everything at once: what waits, what is queued, what is being dialled.
func TestAbandon(t *testing.T) {
	arrived := make(chan bool, 3)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			arrived <- true
		}
		r.ReadByte()
	})
	r := begin(t, func(r *trial) { r.to.MaxConnections = 1 }, up.at())
	var reads []*bufio.Reader
	for range 3 {
		c, read := r.dial(t)
		write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		reads = append(reads, read)
	}
	<-arrived
	until(t, "two wait", func() bool { return r.counts().Queued == 2 })
	r.loop.Drain(edge.Grace)
	r.loop.Abandon()
	<-r.loop.Done()
	for _, read := range reads {
		if _, err := read.ReadByte(); err == nil {
			t.Error("there was an answer")
		}
	}
	if up.stop(); len(arrived) > 0 {
		t.Error("the upstream was sent a request that nobody waits for")
	}
}

// TestDrainBeforeRun: a loop that never began ends all the same, and Run then returns at once.
func TestDrainBeforeRun(t *testing.T) {
	before := descriptors(t)
	r := &trial{endpoints: []upstream.Address{{Network: "tcp", Dial: "127.0.0.1:1"}}}
	r.prepare(t)
	r.loop.Drain(edge.Grace)
	r.loop.Run()
	r.loop.Drain(edge.Grace)
	r.loop.Abandon()
	<-r.loop.Done()
	until(t, "no descriptor is left", func() bool { return descriptors(t) <= before })
	if err := r.server.Drain(context.Background()); err != nil {
		t.Error(err)
	}
}
