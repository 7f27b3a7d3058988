package pipe

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// pourAll sends a response through an outlet, as it is written in pieces and as windows open, and returns what the client gets.
func pourAll(t *testing.T, head bool, text string, closed bool, r *rand.Rand) (got string) {
	t.Helper()
	var s h2.Session
	s.Init(&h2.Scratch{}, &h2.Options{Limits: wire.Limits{HeadBytes: 16 << 10, Fields: 100}}, time.Now())
	var in bytes.Buffer
	io.WriteString(&in, h2.Preface)
	f := http2.NewFramer(&in, nil)
	f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(r.IntN(30))})
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, h := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "h"}} {
		enc.WriteField(h)
	}
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	var st *h2.Stream
	next := func() {
		b := in.Bytes()
		in.Reset()
		for len(b) > 0 {
			n, ev := s.Next(b, time.Now())
			if ev.Kind == h2.Request {
				st = ev.Stream
			}
			b = b[n:]
		}
	}
	next()
	s.Out = nil
	o := Outlet{head: head}
	var res wire.Response
	var written []byte
	for left := text; !o.done; {
		k := min(len(left), r.IntN(30))
		written = append(written, left[:k]...)
		left = left[k:]
		n, _, fault := o.Pour(&s, st, written, closed && left == "", 1+r.IntN(20), &res)
		if fault != nil {
			t.Fatal(fault)
		}
		written = written[n:]
		if left == "" && n == 0 && s.Window(st) > 30 {
			break
		}
		f.WriteWindowUpdate(1, uint32(1+r.IntN(30)))
		next()
	}
	d := hpack.NewDecoder(4096, func(h hpack.HeaderField) { got += h.Name + "=" + h.Value + " " })
	for frames := http2.NewFramer(nil, bytes.NewReader(s.Out)); ; {
		fr, err := frames.ReadFrame()
		if err != nil {
			return got
		}
		switch fr := fr.(type) {
		case *http2.HeadersFrame:
			d.Write(fr.HeaderBlockFragment())
		case *http2.DataFrame:
			got += string(fr.Data())
		}
		if fr.Header().Flags.Has(http2.FlagDataEndStream) && fr.Header().Type <= http2.FrameHeaders {
			got += " end"
		}
	}
}

// TestOutlet: whatever pieces a response is written in, and however windows open, the client gets the same.
func TestOutlet(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		text, want string
		head, over bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ":status=200 content-length=5 hello end", false, false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ":status=200 content-length=5  end", true, false},
		{"HTTP/1.1 204 No Content\r\nVary: a\r\n\r\n", ":status=204 vary=a  end", false, false},
		{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ":status=103 link=a :status=200 content-length=0  end", false, false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n12c;a=b\r\n" + long + "\r\n0\r\n\r\n", ":status=200 hello" + long + " end", false, false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ":status=200  end", false, false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhel", ":status=200 hellohel", false, true},
		{"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n" + long,
			":status=200 sec-websocket-protocol=chat " + long, false, false},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n" + long, ":status=200 " + long + " end", false, true},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		for range 100 {
			if got := pourAll(t, c.head, c.text, c.over, r); got != c.want {
				t.Fatalf("%.60q:\ngot  %q\nwant %q", c.text, got, c.want)
			}
		}
	}
}

func TestPipe(t *testing.T) {
	told := make(chan bool, 100)
	p := New(nil, func() { told <- true })
	p.begin([]byte("GET / HTTP/1.1\r\n"), false, false, false)
	p.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	b := make([]byte, 100)
	if _, err := p.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("before it is known whether there is content: %v", err)
	}
	p.SetReadDeadline(time.Time{})
	read := make(chan string, 1)
	go func() {
		all, err := io.ReadAll(p)
		if err != nil {
			all = append(all, err.Error()...)
		}
		read <- string(all)
	}()
	p.Feed(nil, true, nil)
	if got := <-read; got != "GET / HTTP/1.1\r\n\r\n" {
		t.Errorf("an end that comes late: %q", got)
	}
	p = New(nil, func() { told <- true })
	p.begin([]byte("PUT / HTTP/1.1\r\n"), false, false, true)
	p.Feed([]byte("hello"), false, nil)
	p.Feed(nil, true, []byte("a: b\r\n"))
	if all, err := io.ReadAll(p); err != nil || string(all) != "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\na: b\r\n\r\n" {
		t.Errorf("content and trailers: %q, %v", all, err)
	}
	if p.Spent() != 5 || p.Spent() != 0 {
		t.Error("what was read is not given back once")
	}
	// A handler that writes more than is taken waits, and is told when the stream is gone.
	wrote := make(chan error, 1)
	go func() {
		_, err := p.Write(make([]byte, pipeBytes+1))
		wrote <- err
	}()
	<-told
	gone := make(chan bool)
	stop := p.Watch(func() { close(gone) })
	p.Fail(ErrGone)
	<-gone
	stop()
	if err := <-wrote; err != ErrGone { // it is that
		t.Errorf("Write: %v", err)
	}
	if _, err := p.Read(b); err != ErrGone { // it is that
		t.Errorf("Read: %v", err)
	}
}

// TestBreak: a pipe that is broken fails for its handler, also while it waits.
func TestBreak(t *testing.T) {
	p := New(nil, func() {})
	p.begin([]byte("PUT / HTTP/1.1\r\n"), true, false, true)
	failed := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(p)
		failed <- err
	}()
	p.Break()
	if err := <-failed; err != ErrGone { // it is that
		t.Errorf("Read: %v, want %v", err, ErrGone)
	}
	if _, err := p.Write([]byte("x")); err != ErrGone { // it is that
		t.Errorf("Write: %v, want %v", err, ErrGone)
	}
}
