package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// exactly reads what is wanted, octet by octet, but for the Date.
func exactly(t testing.TB, r *bufio.Reader, want string) {
	t.Helper()
	got, err := readHead(r)
	if err != nil {
		t.Fatalf("%q, %v, want %q", got, err, want)
	}
	if got = dates.ReplaceAllString(got, "Date: NOW"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// scripted upstreams of one connection: converse gets each connection with its reader.
func conversing(t testing.TB, converse func(c *net.TCPConn, r *bufio.Reader)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				converse(c.(*net.TCPConn), bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return "http://" + ln.Addr().String()
}

// TestInterim: interim responses reach a client of HTTP/1.1 before the final one has come, without
// what is hop-by-hop or the policy's; 100 was not asked for, and HTTP/1.0 knows none.
func TestInterim(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		for _, split := range []bool{false, true} {
			goOn := make(chan bool, 2)
			url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
				if _, err := readHead(r); err != nil {
					return
				}
				text := "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n" +
					"Access-Control-Allow-Origin: *\r\nKeep-Alive: timeout=5\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
				if split {
					text += "HTTP/1.1 200 OK\r\nConte"
				}
				io.WriteString(c, text)
				<-goOn
				text = "HTTP/1.1 200 OK\r\nConte"
				if split {
					text = ""
				}
				io.WriteString(c, text+"nt-Length: 2\r\nConnection: close\r\n\r\nok")
			})
			_, address := serveOn(t, engine, policy(url, "ONE"))
			c := dial(t, address)
			r := bufio.NewReader(c)
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://myapp.com\r\n\r\n")
			exactly(t, r, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
			exactly(t, r, "HTTP/1.1 102 Processing\r\n\r\n")
			goOn <- true
			exactly(t, r, "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://myapp.com\r\nAccess-Control-Expose-Headers: Exposed-ONE, Also-ONE\r\nVary: Origin\r\nDate: NOW\r\nContent-Length: 2\r\n\r\n")
			c.Close()
			old := dial(t, address)
			goOn <- true
			fmt.Fprint(old, "GET / HTTP/1.0\r\nHost: h\r\n\r\n")
			if res, err := http.ReadResponse(bufio.NewReader(old), nil); err != nil || res.StatusCode != 200 {
				t.Errorf("%s: HTTP/1.0 gets %v, %v, want 200 at once", engine, res, err)
			}
			old.Close()
		}
	}
}

// TestContinue: whether content is wanted is the upstream's to say. The client is told 100 when the
// upstream has asked, and not before; or gets the final response, and its content is never read.
func TestContinue(t *testing.T) {
	const small, large = 10, 100 << 10
	for _, engine := range []string{looped, blocking} {
		for _, size := range []int{small, large} {
			t.Run(fmt.Sprintf("%s/%d", engine, size), func(t *testing.T) {
				asked, goOn := make(chan string), make(chan bool)
				url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
					head, err := readHead(r)
					if err != nil {
						return
					}
					asked <- head
					if !<-goOn {
						io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
						if n, _ := io.Copy(io.Discard, r); n > 0 {
							t.Errorf("the upstream was sent %d octets that it did not want", n)
						}
						return
					}
					io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
					if _, err := io.CopyN(io.Discard, r, int64(size)); err == nil {
						io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				})
				_, address := serveOn(t, engine, policy(url, "ONE"))
				var began time.Time
				begin := func() (net.Conn, *bufio.Reader) {
					began = time.Now()
					c := dial(t, address)
					fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", size)
					if head := <-asked; strings.Count(head, "\r\nExpect: 100-continue\r\n") != 1 {
						t.Errorf("the upstream was sent %q, want Expect in it once", head)
					}
					return c, bufio.NewReader(c)
				}
				c, r := begin()
				goOn <- false
				for first, _ := r.Peek(len("HTTP/1.1 100")); string(first) == "HTTP/1.1 100"; first, _ = r.Peek(len("HTTP/1.1 100")) {
					// The upstream has had a second. On a busy machine it may need longer: then it shows nothing.
					if time.Since(began) < time.Second {
						t.Fatal("the client is told to continue before the upstream has said so")
					}
					c.Close()
					c, r = begin()
					goOn <- false
				}
				exactly(t, r, "HTTP/1.1 413 Content Too Large\r\nVary: Origin\r\nDate: NOW\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				c.Close()
				c, r = begin()
				goOn <- true
				exactly(t, r, "HTTP/1.1 100 Continue\r\n\r\n")
				io.WriteString(c, strings.Repeat("x", size))
				exactly(t, r, "HTTP/1.1 200 OK\r\nVary: Origin\r\nDate: NOW\r\nContent-Length: 0\r\n\r\n")
				c.Close()
			})
		}
	}
}

// TestContinueOfOldUpstream: one that knows nothing of 100 (Continue) is sent the content in the end.
func TestContinueOfOldUpstream(t *testing.T) {
	url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, r, 5); err == nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	_, address := serve(t, policy(url, "ONE"))
	c := dial(t, address)
	r := bufio.NewReader(c)
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	exactly(t, r, "HTTP/1.1 100 Continue\r\n\r\n")
	io.WriteString(c, "hello")
	exactly(t, r, "HTTP/1.1 200 OK\r\nVary: Origin\r\nDate: NOW\r\nContent-Length: 0\r\n\r\n")
	c.Close()
}

// TestContinueOnStale: content that was held back can go to another connection, if the endpoint has
// closed the first, which was idle.
func TestContinueOnStale(t *testing.T) {
	var connections atomic.Int32
	url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		if connections.Add(1) == 1 {
			readHead(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			readHead(r)
			return
		}
		readHead(r)
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		io.CopyN(io.Discard, r, 5)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		r.ReadByte()
	})
	_, address := serveOn(t, blocking, policy(url, "ONE"))
	c := dial(t, address)
	r := bufio.NewReader(c)
	const ok = "HTTP/1.1 200 OK\r\nVary: Origin\r\nDate: NOW\r\nContent-Length: 0\r\n\r\n"
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	exactly(t, r, ok)
	fmt.Fprint(c, "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	exactly(t, r, "HTTP/1.1 100 Continue\r\n\r\n")
	io.WriteString(c, "hello")
	exactly(t, r, ok)
	c.Close()
}

// TestInterimWithContent: an interim response that announces content is not relayed. If content
// follows, that is no response: the client gets 502, and nothing before it.
func TestInterimWithContent(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		for _, field := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"} {
			url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
				readHead(r)
				io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n"+field+"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			})
			_, address := serveOn(t, engine, policy(url, "ONE"))
			c := dial(t, address)
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			if line, err := bufio.NewReader(c).ReadString('\n'); line != "HTTP/1.1 502 Bad Gateway\r\n" || err != nil {
				t.Errorf("%s: %q, %v, want 502", engine, line, err)
			}
			c.Close()
		}
	}
}

// TestHTTP2Interim: interim responses reach clients of HTTP/2 too, each with its own fields, and
// before the final response.
func TestHTTP2Interim(t *testing.T) {
	goOn := make(chan bool, 1)
	url := conversing(t, func(c *net.TCPConn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.css>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"+
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nAccess-Control-Allow-Origin: *\r\n\r\n")
		<-goOn
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nLink: </c.css>\r\nConnection: close\r\n\r\nok")
	})
	_, address := serveOn(t, secure, policy(url, "ONE"))
	got := ""
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, fields textproto.MIMEHeader) error {
		got += fmt.Sprint(code, " ", map[string][]string(fields), "\n")
		if code == 102 {
			goOn <- true
		}
		return nil
	}}
	r, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "https://"+address+"/", nil)
	res, err := http2Client(t).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if want := "103 map[Link:[</a.css> </b.css>]]\n102 map[]\n"; got != want {
		t.Errorf("interim responses %q, want %q", got, want)
	}
	content, err := io.ReadAll(res.Body)
	if links := res.Header["Link"]; !reflect.DeepEqual(links, []string{"</c.css>"}) || string(content) != "ok" || err != nil {
		t.Errorf("the final response has Link %q and %q, %v", links, content, err)
	}
}

// TestHTTP2Continue: a client of HTTP/2 that waits for 100 (Continue) gets it, once, or the final
// response in its place if the gateway wants none of the content.
func TestHTTP2Continue(t *testing.T) {
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	_, address := serveOn(t, secure, "[limits]\nbody_bytes = \"1KiB\"\n"+policy(url, "ONE"))
	client := http2Client(t)
	client.ExpectContinueTimeout = time.Minute
	for size, want := range map[int]int{10: 200, 10_000: 413} {
		asked, read := 0, 0
		trace := &httptrace.ClientTrace{Got100Continue: func() { asked++ }}
		content := io.TeeReader(strings.NewReader(strings.Repeat("x", size)), writerFunc(func(p []byte) (int, error) {
			read += len(p)
			return len(p), nil
		}))
		r, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", "https://"+address+"/", content)
		r.ContentLength = int64(size)
		r.Header.Set("Expect", "100-continue")
		res, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if ok := want == 200; res.StatusCode != want || (asked == 1) != ok || (read > 0) != ok {
			t.Errorf("%d octets: %d after %d times 100 and %d octets, want %d", size, res.StatusCode, asked, read, want)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
