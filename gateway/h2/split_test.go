package h2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// serve gives b to a new session, in pieces that end where cuts says, and answers what comes. It returns the events, with
// content put together, and what was sent.
func serve(t testing.TB, b []byte, cuts func(at int) int) (events []string, out []byte) {
	t.Helper()
	p := newPeer(t, testOptions)
	var all, saved []byte
	content := -1 // the event that content can be added to
	for at := 0; at < len(b) && !p.s.over; {
		end := min(max(cuts(at), at+1), len(b))
		saved = append(saved, b[at:end]...)
		at = end
		for len(saved) > 0 && !p.s.over {
			n, ev := p.s.Next(saved, p.now)
			if n == 0 && ev.Kind == None {
				break
			}
			if ev.Kind == Data && content >= 0 && strings.HasPrefix(events[content], fmt.Sprintf("data %d:", ev.Stream.ID)) {
				events[content] += fmt.Sprintf("%x", ev.Data)
			} else if ev.Kind == Data {
				content = len(events)
				events = append(events, fmt.Sprintf("data %d: %x", ev.Stream.ID, ev.Data))
			} else if ev.Kind != None {
				content = -1
				events = append(events, p.text(ev))
			}
			if ev.Kind == Data && ev.End {
				content = -1
				events = append(events, "end")
			}
			answer(p, ev)
			check(t, p)
			saved = saved[n:]
		}
		all = append(all, p.s.Out...)
		p.s.Out = p.s.Out[:0]
	}
	p.s.Out = append(p.s.Out[:0], all...)
	p.sent() // as x/net reads it
	return events, all
}

// answer does what a server could do about an event, whatever pieces content comes in.
func answer(p *peer, ev Event) {
	st := ev.Stream
	switch {
	case ev.Kind == Gone && st != nil:
		p.s.Close(st)
	case ev.Kind == Request && st.ID%8 == 7:
		p.s.AppendHead(st, []byte("HTTP/1.1 413 Content Too Large\r\n\r\n"), true)
		p.s.Done(st)
	case ev.Kind == Request && p.s.Head().Fault != nil:
		p.s.AppendHead(st, []byte("HTTP/1.1 431 Too Large\r\n\r\n"), true)
		p.s.Done(st)
	case ev.Kind == Request && st.ID%8 == 3:
		p.s.Widen(st)
	case ev.Kind == Sendable && st == nil:
		for st := range p.s.All() {
			p.s.AppendData(st, []byte("more"), false)
		}
	}
	if ev.End && ev.Kind != Gone && !st.Gone() && st.ID%8 != 7 {
		p.s.AppendHead(st, []byte(preflightAnswer), false)
		if rest := p.s.AppendData(st, []byte("content"), true); rest == nil {
			p.s.Done(st)
		} else {
			p.s.Reset(st, Cancel)
		}
	}
}

// check has what is always true of a session.
func check(t testing.TB, p *peer) {
	t.Helper()
	s, n := &p.s, 0
	for st := range s.All() {
		if n++; st.send > maxWindow || st.receive > maxWindow {
			t.Fatalf("stream %d: windows %d, %d", st.ID, st.send, st.receive)
		}
	}
	if n != s.Open() || n > MaxStreams || s.send > maxWindow || s.receive > connWindow || s.left < 0 || s.skip < 0 || s.left > 0 && s.reading == nil {
		t.Fatalf("%d streams, Open is %d, window %d, receive %d, left %d, skip %d", n, s.Open(), s.send, s.receive, s.left, s.skip)
	}
	if d := &s.decoder.table; d.size > d.max || d.n > tableSize/overhead || cap(d.mem) > lastMem || len(s.block) > bombFactor*s.o.ListBytes() {
		t.Fatalf("table of %d bytes, %d entries, %d of memory; block of %d", d.size, d.n, cap(d.mem), len(s.block))
	}
}

// same has b served in one piece, byte by byte, and in other pieces.
func same(t testing.TB, b []byte, r *rand.Rand) {
	t.Helper()
	events, out := serve(t, b, func(int) int { return len(b) })
	for name, cuts := range map[string]func(int) int{
		"byte by byte": func(at int) int { return at + 1 },
		"in pieces":    func(at int) int { return at + 1 + r.IntN(40) },
	} {
		got, sent := serve(t, b, cuts)
		equal(t, name, got, events...)
		if !bytes.Equal(sent, out) {
			t.Fatalf("%s, what is sent is\n%x, want\n%x", name, sent, out)
		}
	}
}

// TestSplit: how bytes come does not matter.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		p := greeted(t)
		b := p.hello()
		for range 20 {
			kind, flags, payload, _ := randomFrame(r, p)
			if kind == frameData && r.IntN(2) == 0 {
				flags |= flagPadded
				payload = "\x03" + payload + "\x00\x00\x00"
			}
			if kind == frameHeaders && r.IntN(3) == 0 {
				id := uint32(r.IntN(10))*2 + 1
				b = append(b, raw(kind, flags&^flagEndHeaders, id, payload[:2])...)
				b = append(b, raw(frameContinuation, flagEndHeaders, id, payload[2:])...)
				continue
			}
			b = append(b, raw(kind, flags, uint32(r.IntN(10))*2+1, payload)...)
			if r.IntN(8) == 0 {
				b = append(b, raw([]uint8{framePing, frameSettings, 0xbb}[r.IntN(3)], 0, 0, []string{"12345678", "\x00\x04\x00\x00\x10\x00"}[r.IntN(2)])...)
			}
		}
		same(t, b, r)
	}
}

// FuzzSession gives any bytes to a session, in one piece and in others.
func FuzzSession(f *testing.F) {
	p := newPeer(f, testOptions)
	hello := p.hello()
	f.Add(cat(p.headers(1, true, preflight...), p.headers(3, false, postOf("/")...), raw(frameData, flagPadded, 3, "\x02ab\x00\x00"), p.headers(3, true, field{"a", "b"})), true)
	f.Add(cat(raw(frameHeaders, 0, 1, "\x82\x87"), raw(frameContinuation, flagEndHeaders, 1, "\x84\x41\x01h"), raw(frameReset, 0, 1, "\x00\x00\x00\x08")), true)
	f.Add(cat(raw(frameSettings, 0, 0, "\x00\x01\x00\x00\x00\x00\x00\x04\x00\x00\x00\x01"), raw(frameHeaders, 5, 1, "\x82\x87\x84\x41\x01h"), appendWindow(nil, 0, 9), appendWindow(nil, 1, 0)), true)
	f.Add(cat(raw(framePriorityUpdate, 0, 0, "\x00\x00\x00\x01u=1"), raw(frameGoAway, 0, 0, "12345678"), raw(framePing, 0, 0, "12345678")), true)
	f.Add(hello, false)
	f.Fuzz(func(t *testing.T, b []byte, greet bool) {
		if greet {
			b = cat(hello, b)
		}
		same(t, b, rand.New(rand.NewPCG(uint64(len(b)), 1)))
	})
}
