package gateway_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// plainFrames is frames without TLS, by prior knowledge.
func plainFrames(t testing.TB, address string) *framed {
	t.Helper()
	c := dialPlain(t, address)
	f := &framed{Framer: http2.NewFramer(c, c), c: c}
	f.enc = hpack.NewEncoder(&f.head)
	io.WriteString(c, http2.ClientPreface)
	f.WriteSettings()
	return f
}

// echoingSockets is an upstream that agrees to every WebSocket and sends back what comes.
func echoingSockets(t testing.TB) (url string, heads chan *http.Request) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heads = make(chan *http.Request, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				read := bufio.NewReader(c)
				r, err := http.ReadRequest(read)
				if err != nil {
					return
				}
				heads <- r
				fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", acceptOf(r.Header.Get("Sec-Websocket-Key")))
				io.Copy(c, read)
			}()
		}
	}()
	return "http://" + l.Addr().String(), heads
}

func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestExtendedConnect: a WebSocket over HTTP/2, beside requests. See RFC 8441.
func TestExtendedConnect(t *testing.T) {
	url, heads := echoingSockets(t)
	for _, engine := range []string{secure, secureBlocking} {
		_, address := serveOn(t, engine, policy(url, "ONE"))
		c := frames(t, address)
		defer c.c.Close()
		connect := []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "h", "origin", "https://myapp.com"}
		c.ask(1, false, connect...)
		if got := c.outcome(1); got != "200" {
			t.Fatalf("%s: %s", engine, got)
		}
		if r := <-heads; r.Method != "GET" || r.Header.Get("Upgrade") != "websocket" || len(r.Header.Get("Sec-Websocket-Key")) != 24 {
			t.Errorf("%s: the upstream got %v", engine, r)
		}
		c.WriteData(1, false, []byte("hello"))
		for {
			f, err := c.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := f.(*http2.DataFrame); ok {
				if string(d.Data()) != "hello" {
					t.Errorf("%s: %q came back", engine, d.Data())
				}
				break
			}
		}
		connect[3] = "connect-udp"
		c.ask(3, false, connect...)
		if got := c.outcome(3); got != "501" {
			t.Errorf("%s: another protocol: %s, want 501", engine, got)
		}
		c.ask(5, false, ":method", "CONNECT", ":authority", "h:443")
		if got := c.outcome(5); got != "405" {
			t.Errorf("%s: CONNECT: %s, want 405", engine, got)
		}
		c.WriteData(1, true, nil)
		for {
			f, err := c.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := f.(*http2.DataFrame); ok && d.StreamID == 1 && d.StreamEnded() {
				break
			}
		}
	}
}

// TestPriorKnowledge: HTTP/2 without TLS, only where the listener says so.
func TestPriorKnowledge(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		cfg := parseFor(t, engine, respond)
		cfg.Listeners[0].H2C = true
		_, address := serveConfig(t, cfg)
		c := plainFrames(t, address)
		defer c.c.Close()
		for id := uint32(1); id < 7; id += 2 {
			c.ask(id, true, ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "h")
			if got := c.outcome(id); got != "200" {
				t.Errorf("%s: %s, want 200", engine, got)
			}
		}
		_, address = serveOn(t, engine, respond)
		c2 := dialPlain(t, address)
		io.WriteString(c2, http2.ClientPreface)
		if line, _ := bufio.NewReader(c2).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 505 ") {
			t.Errorf("%s: without h2c: %q", engine, line)
		}
	}
}

// TestTooLargeAlone: a head that is too large is answered on its stream, with the fields of its policy, and others go on.
func TestTooLargeAlone(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	_, address := serveOn(t, secure, policy(d.url(), "ONE"))
	c := frames(t, address)
	defer c.c.Close()
	head := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h", "origin", "https://myapp.com"}
	c.ask(1, false, head...)
	c.ask(3, true, append(head, "x-large", strings.Repeat("a", 17000))...)
	if got := c.outcome(3); got != "431" {
		t.Errorf("a head that is too large: %s, want 431", got)
	}
	c.WriteData(1, true, nil)
	if got := c.outcome(1); got != "200" {
		t.Errorf("the other stream: %s, want 200", got)
	}
}
