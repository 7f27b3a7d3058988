package h2

import (
	"fmt"
	"strings"
	"testing"
)

// TestFlow: windows, both ways.
func TestFlow(t *testing.T) {
	p := greeted(t)
	p.s.Next(p.headers(1, false, postOf("/")...), p.now)
	content := strings.Repeat("x", maxFrame)
	if events := p.feed(raw(frameData, 0, 1, content)); len(events) != 1 {
		t.Errorf("the whole window is %.99q", events)
	}
	equal(t, "one byte more", p.feed(raw(frameData, 0, 1, "x")), "gone 1 ours FLOW_CONTROL_ERROR")

	_, ev := p.s.Next(p.headers(3, false, postOf("/")...), p.now)
	st := ev.Stream
	p.sent()
	p.feed(raw(frameData, 0, 3, content))
	p.s.Read(st, 1000)
	equal(t, "after 1,000 bytes were used", p.sent())
	p.s.Read(st, 8000)
	equal(t, "after 9,000", p.sent(), "WINDOW_UPDATE 3 9000")
	p.s.Widen(st)
	equal(t, "a wide window", p.sent(), fmt.Sprint("WINDOW_UPDATE 3 ", wideWindow-streamWindow))
	for range 15 {
		if got := p.feed(raw(frameData, 0, 3, content)); !strings.HasPrefix(got[0], "data 3 ") {
			t.Fatalf("within it: %.99q", got)
		}
	}

	// What pads is given back at once.
	_, ev = p.s.Next(p.headers(5, false, postOf("/")...), p.now)
	for range 100 {
		if got := p.feed(raw(frameData, flagPadded, 5, "\xffx"+strings.Repeat("\x00", 255))); got[0] != `data 5 "x"` {
			t.Fatalf("padding counts: %q", got)
		}
	}

	// Before the settings are acknowledged a stream has the window of the protocol's default; after, what is left of it.
	p = newPeer(t, testOptions)
	p.feed([]byte(Preface + string(raw(frameSettings, 0, 0, ""))))
	p.feed(p.headers(1, false, postOf("/")...))
	for range 3 {
		p.feed(raw(frameData, 0, 1, content))
	}
	p.feed(raw(frameSettings, flagAck, 0, ""))
	equal(t, "an empty frame in a negative window", p.feed(raw(frameData, 0, 1, "")))
	equal(t, "content in a negative window", p.feed(raw(frameData, 0, 1, "x")), "gone 1 ours FLOW_CONTROL_ERROR")
}

// TestConnectionWindow: content that nobody reads takes no window from others.
func TestConnectionWindow(t *testing.T) {
	p := greeted(t)
	content := string(make([]byte, maxFrame))
	for i := range uint32(MaxStreams) {
		p.feed(p.headers(2*i+1, false, postOf("/")...))
	}
	total := 0
	for i := range uint32(MaxStreams) {
		if got := p.feed(raw(frameData, 0, 2*i+1, content)); !strings.HasPrefix(got[0], "data") {
			t.Fatalf("stream %d: %.99q", 2*i+1, got)
		}
		total += len(content)
	}
	for _, f := range p.sent() {
		var id, by int
		fmt.Sscanf(f, "WINDOW_UPDATE %d %d", &id, &by)
		if id != 0 {
			t.Errorf("%s was sent", f)
		}
		total -= by
	}
	if total > connWindow/2 {
		t.Errorf("%d bytes of the connection's window are not given back", total)
	}
}

func TestSend(t *testing.T) {
	p := greeted(t)
	_, ev := p.s.Next(p.headers(1, true, getOf("/")...), p.now)
	st := ev.Stream
	p.s.AppendHead(st, []byte("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), false)
	p.s.AppendHead(st, []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\n\r\n"), false)
	equal(t, "heads", p.sent(), "HEADERS 1 :status=103 link=</a>", "HEADERS 1 :status=200 content-type=text/plain")
	big := make([]byte, 70000)
	rest := p.s.AppendData(st, big, true)
	equal(t, "content", p.sent(), "DATA 1 16384", "DATA 1 16384", "DATA 1 16384", "DATA 1 16383")
	if len(rest) != 70000-65535 || p.s.Window(st) != 0 {
		t.Errorf("%d bytes are left, and the window is %d", len(rest), p.s.Window(st))
	}
	equal(t, "a window on the stream", p.feed(appendWindow(nil, 1, 5000)), "sendable 1")
	if p.s.Window(st) != 0 {
		t.Error("the connection's window is not seen")
	}
	equal(t, "a window on the connection", p.feed(appendWindow(nil, 0, 6000)), "sendable")
	if rest = p.s.AppendData(st, rest, true); rest != nil {
		t.Errorf("%d bytes are left", len(rest))
	}
	equal(t, "the rest", p.sent(), "DATA 1 4465 end")
	p.s.Done(st)
	equal(t, "the end of a stream that both sides have ended", p.sent())

	// A smaller first window makes those of streams negative; it is waited for.
	_, ev = p.s.Next(p.headers(3, true, getOf("/")...), p.now)
	st = ev.Stream
	p.feed(appendWindow(nil, 0, 100000))
	p.s.AppendData(st, big[:60000], false)
	p.feed(raw(frameSettings, 0, 0, "\x00\x04\x00\x00\x00\x0a"))
	if p.s.Window(st) != 0 {
		t.Errorf("the window is %d", p.s.Window(st))
	}
	p.feed(appendWindow(nil, 3, 60000))
	if p.s.Window(st) != 10 {
		t.Errorf("the window is %d, want 10", p.s.Window(st))
	}
	p.sent()
	p.s.AppendTrailers(st, []byte("grpc-status: 0\r\n"))
	equal(t, "trailers", p.sent(), "HEADERS 3 grpc-status=0 end")
	if rest = p.s.AppendData(st, big[:1], true); rest != nil || len(p.s.Out) > 0 {
		t.Error("content after the end was sent, or is to be kept")
	}

	// An answer before the request has come to its end, and the end of content without content.
	_, ev = p.s.Next(p.headers(5, false, postOf("/")...), p.now)
	p.s.AppendHead(ev.Stream, []byte("HTTP/1.1 413 Content Too Large\r\n\r\n"), false)
	p.s.AppendData(ev.Stream, nil, true)
	p.s.Done(ev.Stream)
	equal(t, "an early answer", p.sent(), "HEADERS 5 :status=413", "DATA 5 0 end", "RST_STREAM 5 NO_ERROR")
	if p.s.Open() != 1 {
		t.Errorf("%d streams are open, want one", p.s.Open())
	}

	// A head larger than a frame.
	_, ev = p.s.Next(p.headers(7, true, getOf("/")...), p.now)
	p.s.AppendHead(ev.Stream, []byte("HTTP/1.1 200 OK\r\nA: "+strings.Repeat("b", 40000)+"\r\n\r\n"), true)
	sent := p.sent()
	if len(sent) != 3 || sent[0] != "HEADERS 7 ... end" || sent[1] != "CONTINUATION 7 ..." || len(sent[2]) < 40000 {
		t.Errorf("a large head is %.200q", sent)
	}
	// A stream that is gone takes nothing.
	p.keep = true
	_, ev = p.s.Next(p.headers(9, true, getOf("/")...), p.now)
	p.feed(raw(frameReset, 0, 9, "\x00\x00\x00\x08"))
	p.s.AppendHead(ev.Stream, []byte("HTTP/1.1 200 OK\r\n\r\n"), false)
	p.s.AppendData(ev.Stream, big, true)
	p.s.AppendTrailers(ev.Stream, []byte("a: b\r\n"))
	p.s.Widen(ev.Stream)
	p.s.Read(ev.Stream, 1<<20)
	if !ev.Stream.Gone() || p.s.Open() != 3 {
		t.Errorf("it is gone: %t, and %d are open", ev.Stream.Gone(), p.s.Open())
	}
	p.s.Done(ev.Stream)
	equal(t, "on a stream that is gone", p.sent())
}
