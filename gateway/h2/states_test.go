package h2

import (
	"strings"
	"testing"
)

// stateOf makes stream 5 of a peer what its name says.
func (p *peer) stateOf(state string) {
	p.t.Helper()
	var st *Stream
	open := func(end bool) {
		_, ev := p.s.Next(p.headers(5, end, postOf("/")...), p.now)
		if st = ev.Stream; ev.Kind != Request {
			p.t.Fatalf("no request: %s", p.text(ev))
		}
	}
	answer := func() { p.s.AppendHead(st, []byte("HTTP/1.1 200 OK\r\n\r\n"), true); p.s.Done(st) }
	switch state {
	case "idle":
	case "open":
		open(false)
	case "half-closed":
		open(true)
	case "closed":
		open(true)
		answer()
	case "reset by us":
		open(false)
		p.s.Reset(st, InternalError)
	case "answered early":
		open(false)
		answer()
	case "gone by us": // and not closed by the caller yet
		open(false)
		p.keep = true
		p.feed(raw(frameWindow, 0, 5, "\x00\x00\x00\x00"))
	case "reset by the client":
		open(true)
		p.feed(raw(frameReset, 0, 5, "\x00\x00\x00\x08"))
	case "gone by the client":
		open(true)
		p.keep = true
		p.feed(raw(frameReset, 0, 5, "\x00\x00\x00\x08"))
	case "skipped": // below one that was opened
		p.feed(p.headers(7, true, getOf("/")...))
	default:
		p.t.Fatal(state)
	}
	p.sent()
}

// TestStates is the table of what each frame does in each state of its stream. See RFC 9113, section 5.1.
func TestStates(t *testing.T) {
	const (
		protocol = "fatal PROTOCOL_ERROR"
		size     = "fatal FRAME_SIZE_ERROR"
		closed   = "fatal STREAM_CLOSED"
		streamCl = "gone ours STREAM_CLOSED | RST_STREAM 5 STREAM_CLOSED"
		none     = ""
	)
	window := func(by uint32) []byte { return appendWindow(nil, 5, int(by)) }
	var p *peer
	frames := map[string]func() []byte{
		"request":         func() []byte { return p.headers(5, true, getOf("/")...) },
		"request, open":   func() []byte { return p.headers(5, false, getOf("/")...) },
		"trailers":        func() []byte { return p.headers(5, true, field{"a", "b"}) },
		"DATA":            func() []byte { return raw(frameData, 0, 5, "content") },
		"DATA, end":       func() []byte { return raw(frameData, flagEndStream, 5, "content") },
		"DATA, padded":    func() []byte { return raw(frameData, flagPadded, 5, "\x02ab\x00\x00") },
		"DATA, end alone": func() []byte { return raw(frameData, flagEndStream, 5, "") },
		"RST_STREAM":      func() []byte { return raw(frameReset, 0, 5, "\x00\x00\x00\x08") },
		"RST_STREAM, 3":   func() []byte { return raw(frameReset, 0, 5, "\x00\x00\x00") },
		"WINDOW, 0":       func() []byte { return window(0) },
		"WINDOW":          func() []byte { return window(9) },
		"WINDOW, over":    func() []byte { return window(maxWindow) },
		"WINDOW, 3":       func() []byte { return raw(frameWindow, 0, 5, "\x00\x00\x00") },
		"PRIORITY":        func() []byte { return raw(framePriority, 0, 5, "\x00\x00\x00\x03\x10") },
		"PRIORITY, self":  func() []byte { return raw(framePriority, 0, 5, "\x00\x00\x00\x05\x10") },
		"PRIORITY, 4":     func() []byte { return raw(framePriority, 0, 5, "\x00\x00\x00\x03") },
		"SETTINGS":        func() []byte { return raw(frameSettings, 0, 5, "") },
		"PING":            func() []byte { return raw(framePing, 0, 5, "12345678") },
		"GOAWAY":          func() []byte { return raw(frameGoAway, 0, 5, "12345678") },
		"PUSH_PROMISE":    func() []byte { return raw(framePush, 0, 5, "1234") },
		"CONTINUATION":    func() []byte { return raw(frameContinuation, flagEndHeaders, 5, "\x82") },
		"PRIORITY_UPDATE": func() []byte { return raw(framePriorityUpdate, 0, 5, "\x00\x00\x00\x05u=1") },
		"unknown":         func() []byte { return raw(0xbb, 0xff, 5, "anything") },
	}
	everywhere := map[string]string{
		"SETTINGS": protocol, "PING": protocol, "GOAWAY": protocol, "PUSH_PROMISE": protocol, "CONTINUATION": protocol, "PRIORITY_UPDATE": protocol,
		"unknown": none, "RST_STREAM, 3": size, "WINDOW, 3": size, "PRIORITY": none, "PRIORITY, self": protocol,
		"PRIORITY, 4": "gone ours FRAME_SIZE_ERROR | RST_STREAM 5 FRAME_SIZE_ERROR",
	}
	states := map[string]map[string]string{
		"idle": {
			"request": "request 5 GET / HTTP/1.1 end", "request, open": "request 5 GET / HTTP/1.1", "trailers": "gone ours PROTOCOL_ERROR | RST_STREAM 5 PROTOCOL_ERROR",
			"DATA": protocol, "DATA, end": protocol, "DATA, padded": protocol, "DATA, end alone": protocol, "RST_STREAM": protocol, "PRIORITY, 4": size,
			"WINDOW, 0": protocol, "WINDOW": protocol, "WINDOW, over": protocol,
		},
		"open": {
			"request": "gone 5 ours PROTOCOL_ERROR | RST_STREAM 5 PROTOCOL_ERROR", "request, open": "gone 5 ours PROTOCOL_ERROR | RST_STREAM 5 PROTOCOL_ERROR",
			"trailers": `trailers 5 "a: b\r\n" end`, "DATA": `data 5 "content"`, "DATA, end": `data 5 "content" end`, "DATA, padded": `data 5 "ab"`,
			"DATA, end alone": "data 5 end", "RST_STREAM": "gone 5 CANCEL", "PRIORITY, 4": "gone 5 ours FRAME_SIZE_ERROR | RST_STREAM 5 FRAME_SIZE_ERROR",
			"WINDOW, 0": "gone 5 ours PROTOCOL_ERROR | RST_STREAM 5 PROTOCOL_ERROR", "WINDOW": "sendable 5",
			"WINDOW, over": "gone 5 ours FLOW_CONTROL_ERROR | RST_STREAM 5 FLOW_CONTROL_ERROR",
		},
		"closed": {
			"request": closed, "request, open": closed, "trailers": closed, "DATA": streamCl, "DATA, end": streamCl, "DATA, padded": streamCl, "DATA, end alone": streamCl,
			"RST_STREAM": none, "WINDOW, 0": none, "WINDOW": none, "WINDOW, over": none,
		},
		"reset by us": {
			"request": none, "request, open": none, "trailers": none, "DATA": none, "DATA, end": none, "DATA, padded": none, "DATA, end alone": none,
			"RST_STREAM": none, "WINDOW, 0": none, "WINDOW": none, "WINDOW, over": none,
		},
	}
	half := map[string]string{}
	for name, want := range states["open"] {
		if half[name] = want; strings.HasPrefix(name, "DATA") || strings.HasPrefix(name, "request") || name == "trailers" {
			half[name] = "gone 5 ours STREAM_CLOSED | RST_STREAM 5 STREAM_CLOSED"
		}
	}
	states["half-closed"] = half
	for _, state := range []string{"answered early", "gone by us"} {
		states[state] = states["reset by us"]
	}
	for _, state := range []string{"reset by the client", "gone by the client", "skipped"} {
		states[state] = states["closed"]
	}
	for state, row := range states {
		for name, frame := range frames {
			want, ok := row[name]
			if !ok {
				if want, ok = everywhere[name]; !ok {
					t.Errorf("%s, %s: the table has nothing", state, name)
				}
			}
			p = greeted(t)
			p.stateOf(state)
			b := frame()
			events := strings.Join(p.feed(b), " ")
			if sent := p.sent(); !strings.HasPrefix(events, "fatal") && len(sent) > 0 {
				events += " | " + strings.Join(sent, " | ")
			} else if strings.HasPrefix(events, "fatal") != (len(sent) > 0 && strings.HasPrefix(sent[len(sent)-1], "GOAWAY ")) {
				t.Errorf("%s, %s: %s, but %q was sent", state, name, events, sent)
			}
			if events != want {
				t.Errorf("%s, %s:\ngot  %s\nwant %s", state, name, events, want)
			}
		}
	}
}

// TestConnectionFrames has what frames of stream 0 do, and other streams that cannot be.
func TestConnectionFrames(t *testing.T) {
	f := func(want string, b []byte) {
		t.Helper()
		p := greeted(t)
		got := strings.Join(p.feed(b), " ")
		if sent := p.sent(); !strings.HasPrefix(got, "fatal") && len(sent) > 0 {
			got += "| " + strings.Join(sent, " | ")
		}
		if got != want {
			t.Errorf("%x: got %s, want %s", b, got, want)
		}
	}
	p := greeted(t)
	const protocol, size, flow = "fatal PROTOCOL_ERROR", "fatal FRAME_SIZE_ERROR", "fatal FLOW_CONTROL_ERROR"
	f(protocol, p.headers(0, true, getOf("/")...))
	p = greeted(t)
	f(protocol, p.headers(2, true, getOf("/")...))
	f(protocol, raw(frameData, 0, 0, "x"))
	f(protocol, raw(frameReset, 0, 0, "\x00\x00\x00\x08"))
	f(protocol, raw(framePriority, 0, 0, "\x00\x00\x00\x03\x10"))
	f(protocol, raw(framePush, 0, 0, "1234"))
	f(protocol, raw(frameContinuation, flagEndHeaders, 0, ""))
	f(protocol, raw(frameWindow, 0, 2, "\x00\x00\x00\x01"))
	f("sendable", raw(frameWindow, 0, 0, "\x80\x00\x00\x01"))
	f(protocol, raw(frameWindow, 0, 0, "\x00\x00\x00\x00"))
	f(flow, raw(frameWindow, 0, 0, "\x7f\xff\xff\xff"))
	f(size, raw(frameWindow, 0, 0, "\x00\x00\x00\x00\x01"))
	f("| PING 3132333435363738 true", raw(framePing, 0, 0, "12345678"))
	f("", raw(framePing, flagAck, 0, "12345678"))
	f(size, raw(framePing, 0, 0, "1234567"))
	f("", raw(frameGoAway, 0, 0, "12345678and why"))
	f(size, raw(frameGoAway, 0, 0, "1234567"))
	f("| SETTINGS true", raw(frameSettings, 0, 0, ""))
	f("", raw(frameSettings, flagAck, 0, ""))
	f(size, raw(frameSettings, flagAck, 0, "\x00\x03\x00\x00\x00\x01"))
	f(size, raw(frameSettings, 0, 0, "\x00\x03\x00\x00\x00"))
	f("fatal ENHANCE_YOUR_CALM settings", raw(frameSettings, 0, 0, strings.Repeat("\x00\x03\x00\x00\x00\x01", 33)))
	for _, s := range []struct{ setting, want string }{
		{"\x00\x01\x00\x00\x00\x00", "| SETTINGS true"},
		{"\x00\x02\x00\x00\x00\x00", "| SETTINGS true"},
		{"\x00\x02\x00\x00\x00\x02", protocol},
		{"\x00\x04\x7f\xff\xff\xff", "sendable| SETTINGS true"},
		{"\x00\x04\x80\x00\x00\x00", flow},
		{"\x00\x05\x00\x00\x3f\xff", protocol},
		{"\x00\x05\x00\xff\xff\xff", "| SETTINGS true"},
		{"\x00\x05\x01\x00\x00\x00", protocol},
		{"\x00\x08\x00\x00\x00\x01", "| SETTINGS true"},
		{"\x00\x08\x00\x00\x00\x02", protocol},
		{"\x00\x09\x00\x00\x00\x01", "| SETTINGS true"},
		{"\x00\x09\x00\x00\x00\x02", protocol},
		{"\xab\xcd\xff\xff\xff\xff", "| SETTINGS true"},
	} {
		f(s.want, raw(frameSettings, 0, 0, s.setting))
	}
	f(size, raw(frameData, 0, 1, strings.Repeat("x", maxFrame+1)))
	f(size, appendFrame(nil, 1<<24-1, 0xbb, 0, 1))
	f(protocol, raw(framePriorityUpdate, 0, 0, "\x00\x00\x00\x00u=1"))
	f(protocol, raw(framePriorityUpdate, 0, 0, "\x00\x00\x00\x02u=1"))
	f(size, raw(framePriorityUpdate, 0, 0, "\x00\x00\x01"))
	// Padding, and the fields of HEADERS. See RFC 9113, sections 6.1 and 6.2.
	f(protocol, raw(frameHeaders, flagEndHeaders|flagPadded, 1, "\x01"))
	f(size, raw(frameHeaders, flagEndHeaders|flagPadded, 1, ""))
	f(size, raw(frameHeaders, flagEndHeaders|flagPriority, 1, "\x00\x00\x00\x00"))
	f(protocol, raw(frameHeaders, flagEndHeaders|flagPriority, 1, "\x00\x00\x00\x01\x10\x82"))
	f("fatal COMPRESSION_ERROR", raw(frameHeaders, flagEndHeaders, 1, "\xff"))
	p = greeted(t)
	p.stateOf("open")
	equal(t, "padding as long as the frame", p.feed(raw(frameData, flagPadded, 5, "\x05abcd")), protocol)
	p = greeted(t)
	p.stateOf("open")
	equal(t, "padding that is not there", p.feed(raw(frameData, flagPadded, 5, "")), size)
}
