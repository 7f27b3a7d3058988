package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// TestFrame: a chunk is what fmt makes of its size and its content, whatever is beside it in the buffer.
func TestFrame(t *testing.T) {
	const front = 16
	for _, n := range []int{1, 9, 10, 15, 16, 255, 256, 4095, 4096, 30_000} {
		content := strings.Repeat("x", n)
		buf := []byte(strings.Repeat("?", front) + content + "??")
		if got, want := string(frame(buf, front, n)), fmt.Sprintf("%x\r\n%s\r\n", n, content); got != want {
			t.Errorf("%d bytes: %.40q, want %.40q", n, got, want)
		}
	}
}

// TestAgrees: only the protocol that was asked for is switched to, and a WebSocket only by a server that has read the key.
func TestAgrees(t *testing.T) {
	// The example of RFC 6455, section 1.3.
	const key, accept = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	for _, v := range []struct {
		asked, key, upgrade, accept string
		want                        bool
	}{
		{"websocket", key, "websocket", accept, true},
		{"websocket", key, "WebSocket", accept, true},
		{"websocket", key, "websocket", "", false},
		{"websocket", key, "websocket", strings.ToLower(accept), false},
		{"websocket", key, "other", accept, false},
		{"other", "", "other", "", true},
		{"other", "", "", "", false},
		{"", "", "", "", false},
		{"", "", "other", "", false},
	} {
		x := &Exchange{Upgrade: v.asked, WebSocketKey: []byte(v.key)}
		r := &wire.Response{Upgrade: []byte(v.upgrade), Accept: []byte(v.accept)}
		if got := x.agrees(r); got != v.want {
			t.Errorf("%+v: %t", v, got)
		}
	}
}

// TestExplain: what ended a wait for a response has the status and the class of its cause.
func TestExplain(t *testing.T) {
	past := time.Now().Add(-time.Second)
	for _, v := range []struct {
		err      error
		received bool
		deadline time.Time
		status   int
		class    string
	}{
		{io.EOF, false, time.Time{}, 502, upstream.ClassBroken},
		{io.EOF, true, time.Time{}, 502, upstream.ClassBroken},
		{net.ErrClosed, false, time.Time{}, 502, upstream.ClassBroken},
		{&wire.Fault{}, true, time.Time{}, 502, upstream.ClassMalformed},
		{errTooManyInterim, true, time.Time{}, 502, upstream.ClassMalformed},
		{errUnaskedUpgrade, true, time.Time{}, 502, upstream.ClassMalformed},
		{os.ErrDeadlineExceeded, false, time.Time{}, 504, upstream.ClassFirstByte},
		{os.ErrDeadlineExceeded, false, past, 504, upstream.ClassTimeout},
		{io.EOF, true, past, 504, upstream.ClassTimeout},
	} {
		x := &Exchange{deadline: v.deadline}
		got := x.explain(v.err, v.received)
		if got.Status != v.status || got.Class != v.class {
			t.Errorf("%v, received %t: %d %s, want %d %s", v.err, v.received, got.Status, got.Class, v.status, v.class)
		}
		if cut := errors.Is(got, conn.ErrCut); cut != (v.err == io.EOF && v.received && v.deadline.IsZero()) {
			t.Errorf("%v, received %t: cut: %t", v.err, v.received, cut)
		}
	}
}

// TestCutAnywhere: a response that ends after any of its bytes but the last is never taken for a whole one, and what came of
// it is the beginning of the content.
func TestCutAnywhere(t *testing.T) {
	const wait, content = 20 * time.Second, "hello, world"
	for _, response := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x\r\n, world\r\n0\r\nT: 1\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		u := upstream.New("test", []upstream.Address{{Label: "a", Network: "tcp", Dial: ln.Addr().String()}},
			upstream.Options{MaxConnections: 1, ConnectTimeout: wait, FirstByteTimeout: wait, IdleTimeout: wait})
		served := make(chan struct{})
		go func() {
			defer close(served)
			for n := 0; n <= len(response); n++ {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				r := bufio.NewReader(c)
				for line := ""; line != "\r\n" && err == nil; {
					line, err = r.ReadString('\n')
				}
				io.WriteString(c, response[:n])
				c.Close()
			}
		}()
		for n := range len(response) + 1 {
			x := &Exchange{Method: []byte("POST"), Head: []byte("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"), Now: time.Now()}
			a := upstream.Attempts{To: u}
			a.Begin()
			got, err := "", x.Do(&a)
			for err == nil {
				var run []byte
				run, err = x.Next()
				got += string(run)
			}
			x.End(time.Now())
			whole := err == io.EOF
			if whole != (n == len(response)) || whole && got != content || !strings.HasPrefix(content, got) {
				t.Errorf("%q: after %d of %d bytes: %q, %v", response, n, len(response), got, err)
			}
		}
		ln.Close()
		<-served
		u.Stop()
	}
}
