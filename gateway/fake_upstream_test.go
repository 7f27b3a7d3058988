package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
)

// A double is an upstream that records what it is sent, octet by octet, and answers as told.
type double struct {
	net.Listener
	done    sync.WaitGroup
	arrived chan struct{} // has an element for each request, up to its capacity

	mu    sync.Mutex
	seen  []string
	says  []reply
	conns []net.Conn
}

// A reply is the octets of a response, and whether the connection ends after it. A mute reply is
// none, ever. One that echoes is 200 with the request's first line.
type reply struct {
	octets             string
	closes, mute, echo bool
}

// newDouble returns a double that says the replies, one for each request, the last one again and again. UPSTREAM in
// a reply is its own address.
func newDouble(t testing.TB, says ...reply) *double {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return doubleOn(t, ln, says...)
}

// doubleOn is newDouble on a listener, which it closes.
func doubleOn(t testing.TB, ln net.Listener, says ...reply) *double {
	d := &double{Listener: ln, says: says, arrived: make(chan struct{}, 64)}
	d.done.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, c)
			d.mu.Unlock()
			d.done.Go(func() {
				defer c.Close()
				d.converse(c)
			})
		}
	})
	t.Cleanup(d.stop)
	return d
}

func (d *double) stop() {
	d.Close()
	d.mu.Lock()
	for _, c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.done.Wait()
}

func (d *double) converse(c net.Conn) {
	var record bytes.Buffer
	r := bufio.NewReader(io.TeeReader(c, &record))
	for {
		if !readRequest(r) {
			return
		}
		seen := record.Next(record.Len() - r.Buffered())
		d.mu.Lock()
		d.seen = append(d.seen, string(seen))
		say := reply{closes: true} // nothing was expected
		if len(d.says) > 0 {
			say = d.says[min(len(d.seen), len(d.says))-1]
		}
		d.mu.Unlock()
		select {
		case d.arrived <- struct{}{}:
		default:
		}
		if say.mute {
			io.Copy(io.Discard, r)
			return
		}
		if say.echo {
			line, _, _ := strings.Cut(string(seen), "\r\n")
			say.octets = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(line), line)
			if strings.HasPrefix(line, "HEAD ") {
				say.octets = strings.TrimSuffix(say.octets, line)
			}
		}
		if _, err := io.WriteString(c, strings.ReplaceAll(say.octets, "UPSTREAM", d.Addr().String())); err != nil || say.closes {
			return
		}
	}
}

// readRequest reads one request to its end. The head is read by hand: a recording reader should
// see every octet, and nothing that a library makes of it.
func readRequest(r *bufio.Reader) bool {
	var length int64
	chunked := false
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case line == "\r\n" && !first:
			var err error
			if chunked {
				_, err = io.Copy(io.Discard, httputil.NewChunkedReader(r))
				for line := ""; err == nil && line != "\r\n"; { // the trailer section
					line, err = r.ReadString('\n')
				}
			} else {
				_, err = io.CopyN(io.Discard, r, length)
			}
			return err == nil
		case strings.EqualFold(name, "Content-Length"):
			for _, b := range strings.TrimSpace(value) {
				length = length*10 + int64(b-'0')
			}
		case strings.EqualFold(name, "Transfer-Encoding"):
			chunked = true
		}
	}
}

// requests returns what the double was sent, in the order in which it came to its end.
func (d *double) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.seen...)
}

func (d *double) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = nil
}

// url returns the double's address as a configuration writes it.
func (d *double) url() string { return "http://" + d.Addr().String() }

// newUpstream runs a server of the standard library until the test ends, and returns its URL.
func newUpstream(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// ask sends a request on a fresh connection and returns the response with its content read.
func ask(t testing.TB, address, method, path string, fields ...string) (*http.Response, string) {
	t.Helper()
	c := dial(t, address)
	defer c.Close()
	head := method + " " + path + " HTTP/1.1\r\nHost: api.example.com\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	if _, err := io.WriteString(c, head+"Connection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: content: %v", method, path, err)
	}
	return res, string(content)
}
