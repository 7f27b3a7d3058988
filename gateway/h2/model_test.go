package h2

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A model is what a session does, said slowly: only a few streams, whole frames, no budget.
type model struct {
	state   map[uint32]string // "open", "half-closed", "closed", "ours" (reset by us)
	last    uint32
	send    map[uint32]int64
	receive map[uint32]int
	conn    int64
	over    bool
}

func newModel() *model {
	return &model{state: map[uint32]string{}, send: map[uint32]int64{}, receive: map[uint32]int{}, conn: firstWindow}
}

func (m *model) fatal(code string) string { m.over = true; return "fatal " + code }

func (m *model) breaks(id uint32, code string) string {
	s := "gone"
	if m.state[id] == "open" || m.state[id] == "half-closed" {
		s += fmt.Sprint(" ", id)
	}
	m.state[id] = "ours"
	return s + " ours " + code
}

// frame returns the event that a frame makes.
func (m *model) frame(kind, flags uint8, id uint32, payload string, trailers bool) string {
	state, known := m.state[id]
	live := state == "open" || state == "half-closed"
	end := flags&flagEndStream != 0
	idle := id > m.last
	switch kind {
	case frameHeaders:
		switch {
		case idle && trailers:
			m.last = id
			return m.breaks(id, "PROTOCOL_ERROR")
		case idle:
			m.last = id
			m.state[id], m.send[id], m.receive[id] = "open", firstWindow, streamWindow
			s := fmt.Sprint("request ", id, " GET / HTTP/1.1")
			if end {
				m.state[id] = "half-closed"
				s += " end"
			}
			return s
		case state == "ours":
			return ""
		case !live:
			return m.fatal("STREAM_CLOSED")
		case state == "half-closed":
			return m.breaks(id, "STREAM_CLOSED")
		case !end || !trailers:
			return m.breaks(id, "PROTOCOL_ERROR")
		}
		m.state[id] = "half-closed"
		return fmt.Sprint("trailers ", id, ` "a: b\r\n" end`)
	case frameData:
		switch {
		case idle:
			return m.fatal("PROTOCOL_ERROR")
		case state == "ours":
			return ""
		case !live || state == "half-closed":
			return m.breaks(id, "STREAM_CLOSED")
		case len(payload) > m.receive[id]:
			return m.breaks(id, "FLOW_CONTROL_ERROR")
		}
		m.receive[id] -= len(payload)
		s := fmt.Sprint("data ", id)
		if len(payload) > 0 {
			s += fmt.Sprintf(" %q", payload)
		}
		if end {
			m.state[id] = "half-closed"
			return s + " end"
		}
		if len(payload) == 0 {
			return ""
		}
		return s
	case frameReset:
		if idle {
			return m.fatal("PROTOCOL_ERROR")
		}
		if live {
			m.state[id] = "closed"
			return fmt.Sprint("gone ", id, " CANCEL")
		}
		return ""
	case frameWindow:
		by := int64(frameID([]byte(payload)))
		switch {
		case id == 0 && by == 0, id > 0 && idle:
			return m.fatal("PROTOCOL_ERROR")
		case id == 0 && m.conn+by > maxWindow:
			return m.fatal("FLOW_CONTROL_ERROR")
		case id == 0:
			m.conn += by
			return "sendable"
		case !live:
			return ""
		case by == 0:
			return m.breaks(id, "PROTOCOL_ERROR")
		case m.send[id]+by > maxWindow:
			return m.breaks(id, "FLOW_CONTROL_ERROR")
		}
		m.send[id] += by
		return fmt.Sprint("sendable ", id)
	}
	_ = known
	return ""
}

// TestModel compares a session with the model, over random frames and answers.
func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for round := range 1000 {
		p, m := greeted(t), newModel()
		p.s.calm.left = 1 << 40
		streams := map[uint32]*Stream{}
		var story []string
		for range 40 {
			id := uint32(r.IntN(8))*2 + 1
			if st := streams[id]; st != nil && r.IntN(4) == 0 {
				story = append(story, act(r, p, m, st))
				delete(streams, id)
				continue
			}
			kind, flags, payload, trailers := randomFrame(r, p)
			b := raw(kind, flags, id, payload)
			if kind == frameWindow && r.IntN(3) == 0 {
				id = 0
				b = raw(kind, flags, 0, payload)
			}
			want := m.frame(kind, flags, id, payload, trailers)
			n, ev := p.s.Next(b, p.now)
			if n == headerSize && ev.Kind == None && len(b) > n && !m.over { // ignored content
				_, ev = p.s.Next(b, p.now)
			}
			got := strings.TrimPrefix(p.text(ev), "none")
			if story = append(story, fmt.Sprintf("%x: %s", b[:min(len(b), 40)], got)); got != want {
				t.Fatalf("round %d: got %s, want %s, after\n%s", round, got, want, strings.Join(story, "\n"))
			}
			if p.s.left, p.s.skip = 0, 0; ev.Kind == Request {
				streams[ev.Stream.ID] = ev.Stream
			}
			if ev.Kind == Gone && ev.Stream != nil {
				delete(streams, ev.Stream.ID)
				p.s.Close(ev.Stream)
			}
			if m.over {
				break
			}
			if p.s.Open() != len(streams) {
				t.Fatalf("%d streams are open, want %d, after\n%s", p.s.Open(), len(streams), strings.Join(story, "\n"))
			}
		}
		p.sent()
	}
}

// act does what a caller may do with a stream at any time.
func act(r *rand.Rand, p *peer, m *model, st *Stream) string {
	id, ended := st.ID, st.Ended()
	if r.IntN(2) == 0 {
		p.s.Reset(st, Cancel)
		m.state[id] = "ours"
		return fmt.Sprint("reset ", id)
	}
	p.s.AppendHead(st, []byte("HTTP/1.1 200 OK\r\n\r\n"), true)
	p.s.Done(st)
	if m.state[id] = "ours"; ended {
		m.state[id] = "closed"
	}
	return fmt.Sprint("answer ", id)
}

func randomFrame(r *rand.Rand, p *peer) (kind, flags uint8, payload string, trailers bool) {
	if r.IntN(3) == 0 {
		flags |= flagEndStream
	}
	switch r.IntN(8) {
	case 0, 1, 2:
		if trailers = r.IntN(3) == 0; trailers {
			return frameHeaders, flags | flagEndHeaders, "\x00\x01a\x01b", true
		}
		return frameHeaders, flags | flagEndHeaders, string(p.encode(getOf("/")...)), false
	case 3, 4:
		return frameData, flags, strings.Repeat("x", r.IntN(3)*r.IntN(4000)), false
	case 5:
		return frameReset, 0, "\x00\x00\x00\x08", false
	}
	return frameWindow, 0, []string{"\x00\x00\x00\x00", "\x00\x00\x00\x01", "\x7f\xff\x00\x00", "\x7f\xff\xff\xff"}[r.IntN(4)], false
}
