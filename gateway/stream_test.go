package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestUpstreamDiesDuringUpload: the client is told, although it is still sending.
func TestUpstreamDiesDuringUpload(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			io.ReadFull(c, make([]byte, 1000))
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	}()
	_, address := serve(t, policy("http://"+ln.Addr().String(), "ONE"))
	for framing, little := range map[string]bool{
		"Content-Length: 100000":     true, // the rest is little enough to be read and dropped
		"Content-Length: 10000000":   false,
		"Transfer-Encoding: chunked": false,
	} {
		c := dial(t, address)
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nOrigin: https://myapp.com\r\n%s\r\n\r\n10800\r\n", framing)
		io.WriteString(c, strings.Repeat("x", 66<<10)) // and no more comes
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != 502 || !res.Close && !little || res.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s: %v, %v, want a shared 502 that ends the connection", framing, res, err)
		}
		c.Close()
	}
}

// TestClientGoneDuringUpload: the upstream's side ends at once, and not as if the request were whole.
func TestClientGoneDuringUpload(t *testing.T) {
	ended := make(chan error)
	began := make(chan struct{})
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 1))
		began <- struct{}{}
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	}))
	_, address := serve(t, policy(url, "ONE"))
	for _, framing := range []string{"Content-Length: 100000", "Transfer-Encoding: chunked"} {
		for _, reset := range []bool{false, true} {
			c := dial(t, address)
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n17fff\r\n%s", framing, strings.Repeat("x", 65<<10))
			<-began
			if reset {
				c.SetLinger(0)
			}
			c.Close()
			if err := <-ended; err == nil {
				t.Errorf("%s, reset: %t: the upstream took it for a whole request", framing, reset)
			}
		}
	}
}

// TestContentFaultDuringUpload: a fault in later chunks is the client's, and the upstream's
// request is left incomplete.
func TestContentFaultDuringUpload(t *testing.T) {
	ended := make(chan error, 1)
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	}))
	_, address := serve(t, "[limits]\nbody_bytes = \"64KiB\"\n"+policy(url, "ONE"))
	f := func(rest string, want int) {
		t.Helper()
		c := dial(t, address)
		defer c.Close()
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n%s\r\n", strings.Repeat("x", 32<<10))
		io.WriteString(c, rest)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != want || !res.Close {
			t.Errorf("%.20q: %v, %v, want %d", rest, res, err, want)
		}
		if <-ended == nil {
			t.Errorf("%.20q: the upstream took it for a whole request", rest)
		}
	}
	f("5\nhello", 400)
	f("nonsense", 400)
	f("9000\r\n", 413)
	f(strings.Repeat("1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n", 9), 413)
}

// TestEcho64MiB: an upstream that echoes while the content is still coming, both framings.
func TestEcho64MiB(t *testing.T) {
	const size = 64 << 20
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	}))
	_, address := serve(t, "[limits]\nbody_bytes = \"1GiB\"\n"+policy(url, "ONE"))
	for _, length := range []int64{size, -1} {
		req, _ := http.NewRequest("POST", "http://"+address+"/", io.LimitReader(&counting{}, size))
		req.ContentLength = length
		transport := &http.Transport{}
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(&checking{t: t}, res.Body)
		if n != size || err != nil {
			t.Errorf("length %d: %d octets, %v, want %d", length, n, err, size)
		}
		res.Body.Close()
		transport.CloseIdleConnections()
	}
}

// pattern has a period that no buffer has.
var pattern = bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz!"), 1000)

// counting reads the pattern again and again.
type counting struct{ at int }

func (c *counting) Read(p []byte) (int, error) {
	n := copy(p, pattern[c.at:])
	c.at = (c.at + n) % len(pattern)
	return n, nil
}

// checking compares what is written with what counting reads.
type checking struct {
	t  testing.TB
	at int
}

func (c *checking) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), len(pattern)-c.at)
		if !bytes.Equal(rest[:n], pattern[c.at:c.at+n]) {
			return 0, fmt.Errorf("octets are not where they should be")
		}
		rest, c.at = rest[n:], (c.at+n)%len(pattern)
	}
	return len(p), nil
}

// TestUpstreamRestartsUnderLoad: an upstream that ends connections when it likes, with a FIN or a
// reset, costs no GET.
func TestUpstreamRestartsUnderLoad(t *testing.T) {
	// Each connection serves a few requests and ends, as servers with a limit do.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for n := 0; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for range 1 + n%3 {
					if !readRequest(r) {
						return
					}
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
				if n%2 == 0 {
					c.(*net.TCPConn).SetLinger(0)
				}
			})
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() }) // after the gateway has closed its connections
	_, address := serve(t, policy("http://"+ln.Addr().String(), "ONE"))
	var clients sync.WaitGroup
	for range 4 {
		c := dial(t, address)
		clients.Go(func() {
			defer c.Close()
			r := bufio.NewReader(c)
			for i := range 300 {
				fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Errorf("request %d: %v", i, err)
					return
				}
				if body, err := io.ReadAll(res.Body); res.StatusCode != 200 || string(body) != "ok" || err != nil {
					t.Errorf("request %d: %s %q, %v", i, res.Status, body, err)
				}
			}
		})
	}
	clients.Wait()
}

// TestShutdownUnderLoad: what was begun is answered.
func TestShutdownUnderLoad(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{}, 8)
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-release
		io.WriteString(w, "done")
	}))
	g, address := serve(t, policy(url, "ONE"))
	results := make(chan error, 8)
	for i := range 8 {
		c := dial(t, address)
		go func() {
			if i%2 == 0 {
				fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			} else {
				fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n%s", strings.Repeat("x", 40000))
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err == nil {
				var body []byte
				body, err = io.ReadAll(res.Body)
				if err == nil && (string(body) != "done") {
					err = fmt.Errorf("%q", body)
				}
			}
			c.Close()
			results <- err
		}()
	}
	for range 8 {
		<-arrived
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- g.Shutdown(ctx) }()
	close(release)
	for range 8 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
