package h2

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const honest = 1500 // frames within which a flood has ended

// flood sends what frame makes, again and again, and expects the connection to end within honest frames, because of a cause.
func flood(t *testing.T, name string, cause Cause, before []byte, frame func(p *peer, i uint32) []byte) {
	t.Helper()
	p := greeted(t)
	p.feed(before)
	frames := 0
	for i := uint32(0); frames <= honest; i++ {
		b := frame(p, i)
		for at := 0; at < len(b); at += headerSize + frameOf(b[at:]).length {
			frames++
		}
		p.s.Scan(b)
		for _, ev := range p.feed(b) {
			if strings.HasPrefix(ev, "fatal") {
				if ev != "fatal ENHANCE_YOUR_CALM "+cause.String() {
					t.Errorf("%s: %s, want %s", name, ev, cause)
				}
				if sent := p.sent(); !strings.HasPrefix(sent[len(sent)-1], "GOAWAY ") {
					t.Errorf("%s: what is sent last is %s", name, sent[len(sent)-1])
				}
				if n, ev := p.s.Next(b, p.now); n != len(b) || ev.Kind != None || len(p.s.Out) > 0 {
					t.Errorf("%s: after the end there is %s", name, p.text(ev))
				}
				return
			}
		}
		p.s.Out = p.s.Out[:0]
		p.now = p.now.Add(time.Microsecond)
	}
	t.Errorf("%s: not over after %d frames", name, frames)
}

// TestFloods has every flood that is known.
func TestFloods(t *testing.T) {
	block := func(p *peer, f ...field) []byte { return p.encode(f...) }
	id := func(i uint32) uint32 { return 2*i + 1 }
	get := func(p *peer, i uint32) []byte { return p.headers(id(i), true, getOf("/")...) }
	cancel := func(i uint32) []byte { return raw(frameReset, 0, id(i), "\x00\x00\x00\x08") }
	plain := newPeer(t, testOptions)
	open := plain.headers(1, false, postOf("/")...)
	same := func(b []byte) func(*peer, uint32) []byte { return func(*peer, uint32) []byte { return b } }

	flood(t, "PING", CausePing, nil, same(raw(framePing, 0, 0, "12345678")))
	flood(t, "PING, acknowledged", CausePing, nil, same(raw(framePing, flagAck, 0, "12345678")))
	flood(t, "SETTINGS", CauseSettings, nil, same(raw(frameSettings, 0, 0, "")))
	flood(t, "SETTINGS, windows", CauseSettings, open, func(_ *peer, i uint32) []byte {
		return raw(frameSettings, 0, 0, strings.Repeat("\x00\x04\x00\x00\x00"+string(rune('a'+i%2)), 32))
	})
	flood(t, "SETTINGS, acknowledged", CauseSettings, nil, same(raw(frameSettings, flagAck, 0, "")))
	flood(t, "GOAWAY", CauseUnknown, nil, same(raw(frameGoAway, 0, 0, "12345678")))
	flood(t, "unknown frames", CauseUnknown, nil, same(raw(0xfe, 0, 77, "")))
	flood(t, "PRIORITY", CausePriority, nil, same(raw(framePriority, 0, 5, "\x00\x00\x00\x03\x10")))
	flood(t, "PRIORITY_UPDATE", CausePriority, nil, same(raw(framePriorityUpdate, 0, 0, "\x00\x00\x00\x05u=1")))
	flood(t, "WINDOW_UPDATE", CauseWindow, nil, same(appendWindow(nil, 0, 1)))
	flood(t, "WINDOW_UPDATE of a stream", CauseWindow, open, same(appendWindow(nil, 1, 1)))
	flood(t, "WINDOW_UPDATE of a closed stream", CauseWindow, cat(open, raw(frameReset, 0, 1, "1234")), same(appendWindow(nil, 1, 1)))
	flood(t, "empty DATA", CauseData, open, same(raw(frameData, 0, 1, "")))
	flood(t, "padding alone", CauseData, open, same(raw(frameData, flagPadded, 1, "\x00")))
	flood(t, "more padding", CauseData, open, same(raw(frameData, flagPadded, 1, "\x08"+strings.Repeat("\x00", 8))))
	flood(t, "DATA of a stream that was reset", CauseData, cat(open, raw(frameReset, 0, 1, "1234")), same(raw(frameData, 0, 1, "x")))
	flood(t, "RST_STREAM of a closed stream", CauseResets, cat(open, raw(frameReset, 0, 1, "1234")), same(raw(frameReset, 0, 1, "1234")))
	flood(t, "rapid reset", CauseResets, nil, func(p *peer, i uint32) []byte { return cat(get(p, i), cancel(i)) })
	flood(t, "rapid reset, in turn", CauseResets, nil, func(p *peer, i uint32) []byte {
		if i%2 == 0 {
			return get(p, i/2)
		}
		return cancel(i / 2)
	})
	for name, frame := range map[string][]byte{
		"zero increment": appendWindow(nil, 0, 0), "a window too large": appendWindow(nil, 0, maxWindow), "DATA after the end": raw(frameData, 0, 0, "x"),
		"HEADERS after the end": raw(frameHeaders, 4, 0, "\x82"), "PRIORITY too short": raw(framePriority, 0, 0, "\x00"),
	} {
		flood(t, "provoked resets: "+name, CauseErrors, nil, func(p *peer, i uint32) []byte {
			b := append([]byte(nil), frame...)
			b[7], b[8] = byte(id(i)>>8), byte(id(i))
			return cat(get(p, i), b)
		})
	}
	flood(t, "malformed requests", CauseErrors, nil, func(p *peer, i uint32) []byte {
		return p.headers(id(i), true, getOf("/", field{"connection", "close"})...)
	})
	flood(t, "streams above the limit", CauseStreams, nil, get)
	flood(t, "heads above the limits", CauseHeads, nil, func(p *peer, i uint32) []byte {
		return p.headers(id(i), true, getOf("/", field{"x", strings.Repeat("y", 18000)})...)
	})
	flood(t, "CONTINUATION, empty", CauseContinuation, raw(frameHeaders, 0, 1, "\x82"), same(raw(frameContinuation, 0, 1, "")))
	flood(t, "CONTINUATION, small", CauseContinuation, raw(frameHeaders, 0, 1, "\x82"), same(raw(frameContinuation, 0, 1, "\x00\x01a\x01b")))
	flood(t, "CONTINUATION, large", CauseContinuation, raw(frameHeaders, 0, 1, "\x82"), same(raw(frameContinuation, 0, 1, strings.Repeat("\x00\x01a\x01b", 2000))))
	flood(t, "a head that says a lot in little", CauseHeads, nil, func(p *peer, i uint32) []byte {
		bomb := string(appendInteger([]byte("\x40\x01a"), 0, 7, 3900)) + strings.Repeat("b", 3900) + strings.Repeat("\xbe", 8000)
		return raw(frameHeaders, 5, id(i), bomb)
	})
	flood(t, "trailers for streams that were reset", CauseErrors, nil, func(p *peer, i uint32) []byte {
		return cat(p.headers(id(i), true, getOf("/")...), appendWindow(nil, id(i), 0), raw(frameHeaders, 5, id(i), string(block(p, field{"a", "b"}))))
	})
}

// TestHonest: what honest clients do a lot is no flood.
func TestHonest(t *testing.T) {
	answer := []byte("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
	f := func(name string, run func(p *peer, feed func([]byte) Event)) {
		t.Run(name, func(t *testing.T) {
			p := greeted(t)
			run(p, func(b []byte) Event {
				last := Event{}
				for len(b) > 0 {
					n, ev := p.s.Next(b, p.now)
					if ev.Kind == Fatal {
						t.Fatalf("the connection has ended: %s", p.text(ev))
					}
					if ev.Kind != None {
						last = ev
					}
					if ev.Kind == Gone && ev.Stream != nil {
						p.s.Close(ev.Stream)
					}
					b = b[n:]
				}
				p.s.Out = p.s.Out[:0]
				return last
			})
			if p.s.Open() > 0 {
				t.Errorf("%d streams are open", p.s.Open())
			}
		})
	}
	f("small messages", func(p *peer, feed func([]byte) Event) { // as gRPC has them, both ways, with a ping now and then
		st := feed(p.headers(1, false, postOf("/")...)).Stream
		p.s.AppendHead(st, answer, false)
		for i := range 20000 {
			p.s.Read(st, len(feed(raw(frameData, 0, 1, "12345")).Data))
			p.s.AppendData(st, []byte("12345"), false)
			feed(appendWindow(nil, 1, 5))
			feed(appendWindow(nil, 0, 5))
			if i%20 == 0 {
				feed(raw(framePing, 0, 0, "12345678"))
			}
		}
		feed(raw(frameData, flagEndStream, 1, ""))
		p.s.AppendTrailers(st, []byte("grpc-status: 0\r\n"))
		p.s.Done(st)
	})
	f("a field that asks at each key", func(p *peer, feed func([]byte) Event) { // ten a second, all but the last cancelled
		for i := range uint32(6000) {
			feed(p.headers(2*i+1, true, getOf("/?q="+fmt.Sprint(i))...))
			p.now = p.now.Add(100 * time.Millisecond)
			feed(raw(frameReset, 0, 2*i+1, "\x00\x00\x00\x08"))
		}
	})
	f("large uploads", func(p *peer, feed func([]byte) Event) { // and the answers, acknowledged every 4 KiB on stream and connection
		for i := range uint32(20) {
			st := feed(p.headers(2*i+1, false, postOf("/")...)).Stream
			p.s.Widen(st)
			p.s.AppendHead(st, answer, false)
			for range 200 {
				p.s.Read(st, len(feed(raw(frameData, 0, st.ID, strings.Repeat("x", maxFrame))).Data))
				if rest := p.s.AppendData(st, make([]byte, maxFrame), false); rest != nil {
					p.t.Fatalf("%d bytes have no window", len(rest))
				}
				for range 4 {
					feed(appendWindow(nil, st.ID, 4096))
					feed(appendWindow(nil, 0, 4096))
				}
			}
			feed(raw(frameData, flagEndStream, st.ID, ""))
			p.s.AppendData(st, nil, true)
			p.s.Done(st)
		}
	})
	f("a page that is closed", func(p *peer, feed func([]byte) Event) { // with a hundred requests in flight, every ten seconds
		id := uint32(1)
		for range 50 {
			first := id
			for range MaxStreams {
				feed(p.headers(id, true, getOf("/")...))
				id += 2
			}
			for ; first < id; first += 2 {
				feed(raw(frameReset, 0, first, "\x00\x00\x00\x08"))
			}
			p.now = p.now.Add(10 * time.Second)
		}
	})
	f("many requests", func(p *peer, feed func([]byte) Event) { // each with a priority, a window, and a ping a second
		for i := range uint32(20000) {
			st := feed(p.headers(2*i+1, true, getOf("/")...)).Stream
			feed(raw(framePriority, 0, 2*i+1, "\x00\x00\x00\x00\x10"))
			feed(appendWindow(nil, 2*i+1, 1000))
			p.s.AppendHead(st, answer, true)
			p.s.Done(st)
			if i%100 == 0 {
				feed(raw(framePing, 0, 0, "12345678"))
			}
		}
	})
}

// TestCalm: the budget grows with time, and not above what it was.
func TestCalm(t *testing.T) {
	p := greeted(t)
	ping := raw(framePing, 0, 0, "12345678")
	for range 900 {
		p.feed(ping)
	}
	p.now = p.now.Add(10 * time.Second)
	for range 400 {
		if ev := p.feed(ping); len(ev) > 0 {
			t.Fatalf("after 10 s: %s", ev)
		}
		p.s.Out = nil
	}
	p.now = p.now.Add(24 * time.Hour)
	p.feed(ping)
	if p.s.calm.left != calmFull-1 {
		t.Errorf("after a day the budget is %d", p.s.calm.left)
	}
	p.now = p.now.Add(-time.Hour)
	p.feed(ping)
	if p.s.calm.left != calmFull-2 {
		t.Errorf("when time goes back the budget is %d", p.s.calm.left)
	}
	if n := len(Causes()); n != int(causes)-1 || Causes()[0].String() != "resets" {
		t.Errorf("there are %d causes", n)
	}
}

// TestWary: the session is wary after a page with many requests was closed, and no longer when time has passed.
func TestWary(t *testing.T) {
	p := greeted(t)
	for i := uint32(0); i < 100; i++ {
		if want := 2*i > calmFull-wary; p.s.Wary() != want {
			t.Fatalf("after %d resets it is %t, want %t", i, !want, want)
		}
		p.feed(cat(p.headers(2*i+1, true, getOf("/")...), raw(frameReset, 0, 2*i+1, "\x00\x00\x00\x08")))
	}
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{time.Second, true}, {time.Second, false}} {
		p.now = p.now.Add(c.after)
		p.feed(raw(framePing, 0, 0, "12345678"))
		if got := p.s.Wary(); got != c.want {
			t.Errorf("%v later it is %t, want %t", c.after, got, c.want)
		}
	}
}
