//go:build linux

package loop_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// answer reads a response: its status, its content, and "ends" if the connection does.
func answer(t testing.TB, r *bufio.Reader, method string) string {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("response: %v", err)
	}
	content, err := io.ReadAll(res.Body)
	got := fmt.Sprintf("%d %s", res.StatusCode, content)
	if err != nil {
		got += " cut"
	}
	if res.Close {
		got += " ends"
	}
	return got
}

func expect(t testing.TB, r *bufio.Reader, want string) {
	t.Helper()
	if got := answer(t, r, "GET"); got != want {
		t.Fatalf("%.200q, want %.200q", got, want)
	}
}

// over waits for the end of the connection, and reports how it came.
func over(t testing.TB, r io.Reader, want error) {
	t.Helper()
	rest, err := io.ReadAll(r)
	if want == nil && err != nil || want != nil && !strings.Contains(fmt.Sprint(err), want.Error()) || len(rest) > 0 {
		t.Errorf("the end: %.100q, %v, want %v", rest, err, want)
	}
}

// mirror answers each request with its content, or its target if there is none.
func mirror(c net.Conn, r *bufio.Reader) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		content, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		if len(content) == 0 {
			content = []byte(req.URL.String())
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(content), content); err != nil {
			return
		}
	}
}

// TestPieces: a request may come octet by octet, and its content in pieces.
func TestPieces(t *testing.T) {
	r := begin(t, nil, newPeer(t, mirror).at())
	f := func(text, want string) {
		t.Helper()
		for _, size := range []int{1, 2, 7, 50, len(text)} {
			c, read := r.dial(t)
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				write(t, c, rest[:n])
				rest = rest[n:]
			}
			expect(t, read, want)
		}
	}
	f("GET /local HTTP/1.1\r\nHost: h\r\n\r\n", "200 /local")
	f("\r\nGET /local HTTP/1.1\r\nHost: h\r\n\r\n", "200 /local")
	f("GET /forward HTTP/1.1\r\nHost: h\r\n\r\n", "200 /forward")
	f("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789", "200 0123456789")
	f("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5;a=b\r\n56789\r\n0\r\nT: t\r\n\r\n", "200 0123456789")
	f("POST /local HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789", "200 /local")
	f("POST /unwanted HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789", "413 refused: content-size ends")
	f("BAD\r\n", "400 the request line is not METHOD SP target SP HTTP/1.1\n ends")
}

// TestPipeline: a thousand requests in one write, answered in order, some here and some forwarded.
func TestPipeline(t *testing.T) {
	r := begin(t, nil, newPeer(t, mirror).at())
	c, read := r.dial(t)
	var all strings.Builder
	for i := range 1000 {
		switch {
		case i%10 == 3:
			fmt.Fprintf(&all, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n/f%06d", i)
		case i%10 == 5:
			fmt.Fprintf(&all, "GET /f%06d HTTP/1.1\r\nHost: h\r\n\r\n", i)
		default:
			fmt.Fprintf(&all, "GET /local%06d HTTP/1.1\r\nHost: h\r\n\r\n", i)
		}
	}
	go io.WriteString(c, all.String())
	for i := range 1000 {
		want := fmt.Sprintf("200 /local%06d", i)
		if i%10 == 3 || i%10 == 5 {
			want = fmt.Sprintf("200 /f%06d", i)
		}
		expect(t, read, want)
	}
}

// TestPipelineBehindASlowOne: what waits is bounded, comes after, and is all answered.
func TestPipelineBehindASlowOne(t *testing.T) {
	arrived, goOn := make(chan bool), make(chan bool)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		arrived <- true
		<-goOn
		write(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
		mirror(c, r)
	})
	r := begin(t, nil, up.at())
	c, read := r.dial(t)
	write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	const more = 5000
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, strings.Repeat("GET /forward HTTP/1.1\r\nHost: h\r\n\r\nGET /local HTTP/1.1\r\nHost: h\r\n\r\n", more))
		sent <- err
	}()
	until(t, "the loop has read ahead", func() bool { return r.counts().Saved >= 16<<10 })
	close(goOn)
	expect(t, read, "200 slow")
	worst := 0
	for i := range more {
		expect(t, read, "200 /forward")
		expect(t, read, "200 /local")
		if i%64 == 0 {
			worst = max(worst, r.counts().Saved)
		}
	}
	if worst > 16<<10+64<<10 {
		t.Errorf("%d octets were read ahead", worst)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestHTTP10: the connection ends after the response unless the client asks for more.
func TestHTTP10(t *testing.T) {
	r := begin(t, nil, newPeer(t, mirror).at())
	for _, path := range []string{"/local", "/forward"} {
		c, read := r.dial(t)
		write(t, c, "GET "+path+" HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET "+path+" HTTP/1.0\r\n\r\n")
		expect(t, read, "200 "+path)
		expect(t, read, "200 "+path+" ends")
		over(t, read, nil)
		c, read = r.dial(t)
		write(t, c, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		expect(t, read, "200 "+path+" ends")
		over(t, read, nil)
	}
}

// TestHalfClose: a client that has ended its side gets all the answers it has asked for, then the end, if they come
// soon.
func TestHalfClose(t *testing.T) {
	arrived, goOn := make(chan bool), make(chan bool)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		arrived <- true
		<-goOn
		write(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		mirror(c, r)
	})
	r := begin(t, func(r *trial) { r.to.MaxConnections, r.ended = 1, patience }, up.at())
	c, read := r.dial(t)
	write(t, c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\n\r\nGET /local HTTP/1.1\r\nHost: h\r\n\r\nGET /part")
	c.CloseWrite()
	<-arrived
	r.counts() // the loop has been round since
	close(goOn)
	expect(t, read, "200 ok")
	expect(t, read, "200 /two")
	expect(t, read, "200 /local")
	expect(t, read, "400 the connection ended within a message\n ends")
	over(t, read, nil)

	f := func(text, want string) {
		t.Helper()
		c, read := r.dial(t)
		write(t, c, text)
		c.CloseWrite()
		if want != "" {
			expect(t, read, want)
		}
		over(t, read, nil)
	}
	f("", "")
	f("\r\n", "")
	f("GET /local HTTP/1.1\r\n", "400 the connection ended within a message\n ends")
	f("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234", "400 refused: truncated ends")
	f("POST /local HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234", "200 /local")
	f("GET /local HTTP/1.1\r\nHost: h\r\n\r\n", "200 /local")
}

// TestHalfCloseInVain: a client that has ended its side is given up when it would have to wait: for a connection, for
// the head of its response, or for more of that.
func TestHalfCloseInVain(t *testing.T) {
	f := func(begins, want string) {
		t.Helper()
		arrived, ended := make(chan bool), make(chan error, 1)
		up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(c, begins)
			arrived <- true
			_, err := r.ReadByte()
			ended <- err
		})
		r := begin(t, func(r *trial) { r.to.MaxConnections = 1 }, up.at())
		c, read := r.dial(t)
		write(t, c, "GET / HTTP/1.0\r\nHost: h\r\n\r\n")
		<-arrived
		queued, queuedRead := r.dial(t)
		write(t, queued, "GET /queued HTTP/1.1\r\nHost: h\r\n\r\n")
		queued.CloseWrite()
		over(t, queuedRead, nil)
		if begins != "" {
			if _, err := read.Peek(1); err != nil {
				t.Fatal(err)
			}
		}
		c.CloseWrite()
		if err := <-ended; err == nil {
			t.Errorf("%q: the upstream was sent more", begins)
		}
		if got, err := io.ReadAll(read); !strings.HasSuffix(string(got), "part") == (begins != "") || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: the client got %q, %v, want %s", begins, got, err, want)
		}
		until(t, "both are counted", func() bool { return r.gones.Load() == 2 })
	}
	f("", "<nil>")
	f("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart", "<nil>")
	f("HTTP/1.1 200 OK\r\n\r\npart", "reset") // which would be whole without
}

// TestClientGone: a client that resets its connection while it waits ends the exchange: the
// upstream's connection is closed, and a place in the queue is given back.
func TestClientGone(t *testing.T) {
	arrived, ended := make(chan bool), make(chan error)
	up := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		http.ReadRequest(r)
		arrived <- true
		_, err := r.ReadByte()
		ended <- err
	})
	r := begin(t, func(r *trial) { r.to.MaxConnections = 1 }, up.at())
	c, _ := r.dial(t)
	write(t, c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-arrived
	waits, _ := r.dial(t)
	write(t, waits, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	until(t, "one waits", func() bool { return r.counts().Queued == 1 })
	waits.SetLinger(0)
	waits.Close()
	until(t, "it has gone", func() bool { return r.gones.Load() == 1 })
	c.SetLinger(0)
	c.Close()
	if err := <-ended; err != io.EOF {
		t.Errorf("the upstream: %v, want the end", err)
	}
	until(t, "both have gone", func() bool { return r.gones.Load() == 2 })
}

// TestRefusalArrives: a refusal reaches a client that goes on sending, within bounds.
func TestRefusalArrives(t *testing.T) {
	r := begin(t, nil)
	c, read := r.dial(t)
	write(t, c, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n")
	write(t, c, strings.Repeat("x", 60<<10))
	expect(t, read, "400 Content-Length is not one plain decimal number\n ends")
	over(t, read, nil) // an end, not a reset

	c, read = r.dial(t)
	write(t, c, "GET /local HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /more")
	expect(t, read, "200 /local ends")
	over(t, read, nil)

	// One that never ends is cut off.
	c, _ = r.dial(t)
	write(t, c, "BAD\r\n")
	until(t, "the connection is cut", func() bool {
		_, err := io.WriteString(c, strings.Repeat("x", 8<<10))
		return err != nil
	})
	if n := r.faults.Load(); n != 2 {
		t.Errorf("%d faults were counted, want 2", n)
	}
}
