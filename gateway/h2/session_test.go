package h2

import (
	"fmt"
	"strings"
	"testing"
)

func TestGreeting(t *testing.T) {
	p := newPeer(t, testOptions)
	equal(t, "what is sent first", p.sent(), "SETTINGS false 3=100 4=16384 6=20480 9=1 8=1", "WINDOW_UPDATE 0 4128769")
	equal(t, "the events", p.feed(p.hello()))
	equal(t, "what is sent then", p.sent(), "SETTINGS true")
	p = newPeer(t, &Options{Limits: testOptions.Limits})
	equal(t, "without extended CONNECT", p.sent()[:1], "SETTINGS false 3=100 4=16384 6=20480 9=1")
	p.feed(p.hello())
	extended := []field{{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "https"}, {":path", "/"}, {":authority", "h"}}
	equal(t, "extended CONNECT that was not announced", p.feed(p.headers(1, false, extended...)), "gone ours PROTOCOL_ERROR")

	for _, bad := range []string{"GET / HTTP/1.1\r\n", Preface[:10] + "x", Preface + string(raw(framePing, 0, 0, "12345678")), Preface + string(raw(frameSettings, flagAck, 0, ""))} {
		p = newPeer(t, testOptions)
		equal(t, fmt.Sprintf("%q", bad), p.feed([]byte(bad)), "fatal PROTOCOL_ERROR")
	}
}

// TestBlocks: a header block in pieces, with padding and priority, and what may not come between.
func TestBlocks(t *testing.T) {
	p := greeted(t)
	block := string(p.encode(getOf("/in/pieces")...))
	head := "\x03\x00\x00\x00\x00\x10" + block[:5] + "\x00\x00\x00"
	pieces := cat(raw(frameHeaders, flagPadded|flagPriority|flagEndStream, 1, head), raw(frameContinuation, 0, 1, block[5:9]),
		raw(frameContinuation, 0, 1, ""), raw(frameContinuation, flagEndHeaders, 1, block[9:]))
	equal(t, "the request", p.feed(pieces), "request 1 GET /in/pieces HTTP/1.1 end")
	for _, between := range [][]byte{
		raw(framePing, 0, 0, "12345678"), raw(frameContinuation, 0, 5, ""), raw(frameData, 0, 1, ""), raw(0xbb, 0, 3, ""), raw(frameHeaders, flagEndHeaders, 5, block),
	} {
		p = greeted(t)
		block = string(p.encode(getOf("/")...))
		p.feed(raw(frameHeaders, 0, 3, block[:3]))
		if !p.s.Blocked() {
			t.Error("a header block that is not all there is none")
		}
		equal(t, fmt.Sprintf("%x within a block", between), p.feed(between), "fatal PROTOCOL_ERROR")
	}
}

// TestMalformed: a request that is none ends its stream alone, is counted, and the table stays in step.
func TestMalformed(t *testing.T) {
	p := greeted(t)
	equal(t, "a request that is none", p.feed(p.headers(1, true, append(getOf("/"), field{"x-a", "1"}, field{"connection", "close"})...)), "gone ours PROTOCOL_ERROR")
	equal(t, "what is sent", p.sent(), "RST_STREAM 1 PROTOCOL_ERROR")
	equal(t, "one after it", p.feed(p.headers(3, true, append(getOf("/"), field{"x-a", "1"})...)), "request 3 GET / HTTP/1.1 end")
	if text := string(p.s.Head().Text); !strings.HasSuffix(text, "\r\nx-a: 1\r\n") {
		t.Errorf("its head is %q", text)
	}
	// Content-Length against what comes. See RFC 9113, section 8.1.1.
	five := postOf("/", field{"content-length", "5"})
	equal(t, "no content", p.feed(p.headers(5, true, five...)), "gone ours PROTOCOL_ERROR")
	for id, c := range []struct {
		want string
		data []byte
	}{
		{`data 7 "12345" end`, raw(frameData, flagEndStream, 7, "12345")},
		{"gone 9 ours PROTOCOL_ERROR", raw(frameData, 0, 9, "123456")},
		{"gone 11 ours PROTOCOL_ERROR", raw(frameData, flagEndStream, 11, "1234")},
		{`data 13 "12" data 13 "345" data 13 end`, cat(raw(frameData, 0, 13, "12"), raw(frameData, 0, 13, "345"), raw(frameData, flagEndStream, 13, ""))},
		{`data 15 "1234" gone 15 ours PROTOCOL_ERROR`, cat(raw(frameData, 0, 15, "1234"), raw(frameHeaders, flagEndHeaders|flagEndStream, 15, "\x00\x01a\x01b"))},
	} {
		p.feed(p.headers(uint32(2*id+7), false, five...))
		if got := strings.Join(p.feed(c.data), " "); got != c.want {
			t.Errorf("%x: got %s, want %s", c.data, got, c.want)
		}
	}
	p.feed(p.headers(21, false, postOf("/", field{"content-length", "0"})...))
	equal(t, "an empty content that ends late", p.feed(raw(frameData, flagEndStream, 21, "")), "data 21 end")
	p.feed(p.headers(23, false, postOf("/")...))
	equal(t, "trailers with a pseudo-field", p.feed(p.headers(23, true, field{":path", "/"})), "gone 23 ours PROTOCOL_ERROR")
	p.feed(p.headers(25, false, postOf("/")...))
	equal(t, "trailers that are too large", p.feed(p.headers(25, true, field{"x", strings.Repeat("y", 16000)}, field{"y", strings.Repeat("y", 999)})), "trailers 25 too large end")
}

// TestTooLarge: a head above the limits is a request with a fault, and others go on.
func TestTooLarge(t *testing.T) {
	p := greeted(t)
	p.feed(p.headers(1, false, postOf("/")...))
	block := p.encode(append(getOf("/large"), field{"x", strings.Repeat("y", 60000)})...)
	frames := raw(frameHeaders, flagEndStream, 3, string(block[:16000]))
	for block = block[16000:]; len(block) > maxFrame; block = block[maxFrame:] {
		frames = append(frames, raw(frameContinuation, 0, 3, string(block[:maxFrame]))...)
	}
	frames = append(frames, raw(frameContinuation, flagEndHeaders, 3, string(block))...)
	equal(t, "a head of 60,000 bytes", p.feed(frames), "request 3 GET /large HTTP/1.1 end")
	if p.s.Head().Fault == nil || p.s.Head().Fault.Status != 431 {
		t.Errorf("its fault is %v", p.s.Head().Fault)
	}
	equal(t, "the other stream", p.feed(raw(frameData, flagEndStream, 1, "x")), `data 1 "x" end`)
}

func TestPing(t *testing.T) {
	p := newPeer(t, testOptions)
	if p.s.Begun() {
		t.Error("it has begun before the client has said anything")
	}
	p.feed(p.hello())
	p.sent()
	p.s.Ping()
	equal(t, "a ping", p.sent(), "PING 0000000000000001 false")
	for range 3 {
		p.feed(raw(framePing, flagAck, 0, "\x00\x00\x00\x00\x00\x00\x00\x01"))
	}
	if p.s.calm.left != calmFull-2 || !p.s.Begun() {
		t.Errorf("after it and two acknowledgements of nothing the budget is %d", p.s.calm.left)
	}
}

func TestLeave(t *testing.T) {
	p := greeted(t)
	p.feed(p.headers(1, false, postOf("/")...))
	p.s.Leave()
	p.s.Leave()
	equal(t, "the first step", p.sent(), "GOAWAY 2147483647 NO_ERROR")
	equal(t, "a request on its way", p.feed(p.headers(3, true, getOf("/")...)), "request 3 GET / HTTP/1.1 end")
	p.s.Last(NoError)
	p.s.Last(NoError)
	equal(t, "the second", p.sent(), "GOAWAY 3 NO_ERROR")
	equal(t, "one after it", p.feed(p.headers(5, false, append(postOf("/"), field{"x-a", "b"})...)))
	equal(t, "its content", p.feed(raw(frameData, flagEndStream, 5, "x")))
	equal(t, "its trailers", p.feed(p.headers(5, true, field{"x-a", "b"})))
	equal(t, "the stream that goes on", p.feed(raw(frameData, 0, 1, "x")), `data 1 "x"`)
	equal(t, "what is sent", p.sent())
}

func TestPriorities(t *testing.T) {
	p := greeted(t)
	priority := func(id uint32) string {
		return fmt.Sprint(p.s.find(id).Priority.Urgency, p.s.find(id).Priority.Incremental)
	}
	p.feed(p.headers(1, true, getOf("/", field{"priority", "u=1, i"})...))
	p.feed(raw(framePriorityUpdate, 0, 0, "\x00\x00\x00\x03u=6"))
	p.feed(p.headers(3, true, getOf("/", field{"priority", "u=0"})...))
	p.feed(p.headers(5, true, getOf("/")...))
	if a, b, c := priority(1), priority(3), priority(5); a != "1 true" || b != "6 false" || c != "3 false" {
		t.Errorf("the priorities are %s, %s, %s", a, b, c)
	}
	p.feed(raw(framePriorityUpdate, 0, 0, "\x00\x00\x00\x01u=7"))
	if a := priority(1); a != "7 false" {
		t.Errorf("the new priority is %s", a)
	}
	for i := range byte(100) { // of streams that have not begun only the last are kept
		p.feed(raw(framePriorityUpdate, 0, 0, "\x00\x00\x01"+string([]byte{2*i + 1})+"u=2"))
	}
	p.feed(p.headers(0x101, true, getOf("/")...))
	p.feed(p.headers(0x1c7, true, getOf("/")...))
	if a, b := priority(0x101), priority(0x1c7); a != "3 false" || b != "2 false" {
		t.Errorf("the priorities are %s, %s", a, b)
	}
}

// TestScan: a request that is reset in the same breath is never begun.
func TestScan(t *testing.T) {
	p := greeted(t)
	var b []byte
	for i := range uint32(3) {
		b = append(b, p.headers(2*i+1, i != 1, append(getOf("/"), field{"x-a", fmt.Sprint(i)})...)...)
	}
	b = append(b, raw(frameData, 0, 3, "content")...)
	for i := range uint32(2) {
		b = append(b, raw(frameReset, 0, 2*i+1, "\x00\x00\x00\x08")...)
	}
	p.s.Scan(b)
	equal(t, "the events", p.feed(b), "cancelled", "cancelled", "request 5 GET / HTTP/1.1 end")
	equal(t, "what is sent", p.sent())
	if p.s.Open() != 1 {
		t.Errorf("%d streams are open, want one", p.s.Open())
	}
	other := greeted(t)
	other.scratch, p.scratch.of = p.scratch, &p.s
	equal(t, "of another session", other.feed(other.headers(1, true, getOf("/")...)), "request 1 GET / HTTP/1.1 end")
	p.feed(raw(frameData, 0, 5, "")) // of which half has come
	p.s.Scan(nil)
	p.s.Scan([]byte("anything at all, as long as it does not end"))
}

// TestAgain: a session's memory is used again, and nothing is allocated in the steady state.
func TestAgain(t *testing.T) {
	p := greeted(t)
	p.headers(1, true, preflight...)
	p = greeted(t)
	first := p.headers(1, true, preflight...)
	again := p.headers(3, true, preflight...)
	upload := p.headers(5, false, append(postOf("/"), field{"content-length", "5"})...)
	upload = append(upload, raw(frameData, flagEndStream, 5, "12345")...)
	answer, content := []byte(preflightAnswer), []byte("content")
	id := uint32(1)
	exchange := func(b []byte) {
		b[5], b[6], b[7], b[8] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		id += 2
		for len(b) > 0 {
			p.s.Scan(b)
			n, ev := p.s.Next(b, p.now)
			if ev.Kind == Request {
				ev.Stream.Owner = p
			}
			if b = b[n:]; len(b) > 0 {
				copy(b[5:9], []byte{byte((id - 2) >> 24), byte((id - 2) >> 16), byte((id - 2) >> 8), byte(id - 2)})
			}
			if ev.End {
				p.s.AppendHead(ev.Stream, answer, false)
				p.s.AppendData(ev.Stream, content, true)
				p.s.Done(ev.Stream)
			}
		}
		p.s.Out = p.s.Out[:0]
	}
	exchange(first)
	_ = upload
	n := testing.AllocsPerRun(100, func() {
		exchange(again)
		for st := range p.s.All() {
			t.Errorf("stream %d is open", st.ID)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for each exchange", n)
	}
	p.feed(appendWindow(nil, 0, 1<<20))
}

func BenchmarkSession(b *testing.B) {
	p := greeted(b)
	exchange := func(f []byte, id uint32) {
		f[5], f[6], f[7], f[8] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		p.s.Scan(f)
		_, ev := p.s.Next(f, p.now)
		p.s.AppendHead(ev.Stream, []byte(preflightAnswer), true)
		p.s.Done(ev.Stream)
		p.s.Out = p.s.Out[:0]
	}
	exchange(p.headers(1, true, preflight...), 1)
	again := p.headers(3, true, preflight...)
	id := uint32(3)
	b.ReportAllocs()
	for b.Loop() {
		exchange(again, id)
		id += 2
	}
}
