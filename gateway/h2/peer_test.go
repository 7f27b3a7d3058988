package h2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var testOptions = &Options{Limits: wire.Limits{HeadBytes: 16 << 10, Fields: 128}, Connect: true}

// A field is one of a header list.
type field struct{ name, value string }

// A peer writes frames, with the framer and the encoder of x/net, and reads what a session writes with them.
type peer struct {
	t       testing.TB
	buf     bytes.Buffer
	framer  *http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
	decoder *hpack.Decoder

	s       Session
	scratch Scratch
	now     time.Time
	keep    bool // streams that are gone stay open
}

// newPeer returns a peer and its session, of which what is sent first has been read.
func newPeer(t testing.TB, o *Options) *peer {
	p := &peer{t: t, now: time.Unix(1e9, 0)}
	p.framer = http2.NewFramer(&p.buf, nil)
	p.framer.AllowIllegalWrites = true
	p.encoder = hpack.NewEncoder(&p.block)
	p.decoder = hpack.NewDecoder(4096, nil)
	p.s.Init(&p.scratch, o, p.now)
	return p
}

// greeted is a peer that has sent its preface and settings, and acknowledged those of the session.
func greeted(t testing.TB) *peer {
	p := newPeer(t, testOptions)
	p.feed(p.hello())
	p.sent()
	return p
}

func (p *peer) hello() []byte {
	return append([]byte(Preface), p.frames(func(f *http2.Framer) { f.WriteSettings(); f.WriteSettingsAck() })...)
}

// frames returns what f writes.
func (p *peer) frames(f func(f *http2.Framer)) []byte {
	p.buf.Reset()
	f(p.framer)
	return bytes.Clone(p.buf.Bytes())
}

// raw is a frame that the framer of x/net may not write.
func raw(kind, flags uint8, id uint32, payload string) []byte {
	return append(appendFrame(nil, len(payload), kind, flags, id), payload...)
}

// encode returns a header block.
func (p *peer) encode(fields ...field) []byte {
	p.block.Reset()
	for _, f := range fields {
		p.encoder.WriteField(hpack.HeaderField{Name: f.name, Value: f.value})
	}
	return bytes.Clone(p.block.Bytes())
}

func getOf(path string, more ...field) []field {
	return append([]field{{":method", "GET"}, {":scheme", "https"}, {":authority", "api.example.com"}, {":path", path}}, more...)
}

func postOf(path string, more ...field) []field {
	f := getOf(path, more...)
	f[0].value = "POST"
	return f
}

// headers returns a HEADERS frame with a whole block.
func (p *peer) headers(id uint32, end bool, fields ...field) []byte {
	block := p.encode(fields...)
	flags := uint8(flagEndHeaders)
	if end {
		flags |= flagEndStream
	}
	return append(appendFrame(nil, len(block), frameHeaders, flags, id), block...)
}

// feed gives the session b and returns the events, as text. It acts as a caller does that answers nothing.
func (p *peer) feed(b []byte) []string {
	var events []string
	for len(b) > 0 {
		n, ev := p.s.Next(b, p.now)
		if n == 0 && ev.Kind == None {
			break
		}
		b = b[n:]
		if ev.Kind == None {
			continue
		}
		events = append(events, p.text(ev))
		if ev.Kind == Gone && ev.Stream != nil && !p.keep {
			p.s.Close(ev.Stream)
		}
	}
	return events
}

func (p *peer) text(ev Event) string {
	names := [...]string{"none", "request", "cancelled", "data", "trailers", "gone", "sendable", "fatal"}
	s := names[ev.Kind]
	if ev.Stream != nil {
		s += fmt.Sprint(" ", ev.Stream.ID)
	}
	if ev.Kind == Request {
		line, _, _ := strings.Cut(string(p.s.Head().Text), "\r\n")
		s += " " + line
	}
	switch {
	case ev.Kind == Trailers && p.s.Head().Fault != nil:
		s += " too large"
	case len(ev.Data) > 0:
		s += fmt.Sprintf(" %q", ev.Data)
	}
	if ev.End {
		s += " end"
	}
	if ev.Ours {
		s += " ours"
	}
	if ev.Kind == Gone || ev.Kind == Fatal {
		s += " " + ev.Code.String()
	}
	if ev.Cause != CauseNone && ev.Code == EnhanceYourCalm {
		s += " " + ev.Cause.String()
	}
	return s
}

// sent reads what the session has written and returns it as text; header blocks are decoded.
func (p *peer) sent() []string {
	p.t.Helper()
	r := http2.NewFramer(nil, bytes.NewReader(p.s.Out))
	p.s.Out = p.s.Out[:0]
	var all []string
	var block []byte
	for {
		f, err := r.ReadFrame()
		if err != nil {
			if err.Error() != "EOF" {
				p.t.Fatalf("x/net cannot read what was written: %v", err)
			}
			return all
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			block = append([]byte(nil), f.HeaderBlockFragment()...)
			all = append(all, fmt.Sprint("HEADERS ", f.StreamID, p.list(block, f.HeadersEnded()), ended(f.StreamEnded())))
		case *http2.ContinuationFrame:
			block = append(block, f.HeaderBlockFragment()...)
			all = append(all, fmt.Sprint("CONTINUATION ", f.StreamID, p.list(block, f.HeadersEnded())))
		case *http2.DataFrame:
			all = append(all, fmt.Sprintf("DATA %d %d%s", f.StreamID, len(f.Data()), ended(f.StreamEnded())))
		case *http2.RSTStreamFrame:
			all = append(all, fmt.Sprint("RST_STREAM ", f.StreamID, " ", Code(f.ErrCode)))
		case *http2.WindowUpdateFrame:
			all = append(all, fmt.Sprint("WINDOW_UPDATE ", f.StreamID, " ", f.Increment))
		case *http2.GoAwayFrame:
			all = append(all, fmt.Sprint("GOAWAY ", f.LastStreamID, " ", Code(f.ErrCode)))
		case *http2.PingFrame:
			all = append(all, fmt.Sprintf("PING %x %t", f.Data, f.IsAck()))
		case *http2.SettingsFrame:
			s := fmt.Sprint("SETTINGS ", f.IsAck())
			f.ForeachSetting(func(v http2.Setting) error { s += fmt.Sprintf(" %d=%d", v.ID, v.Val); return nil })
			all = append(all, s)
		default:
			p.t.Fatalf("a frame that nobody expects: %v", f)
		}
	}
}

func ended(end bool) string {
	if end {
		return " end"
	}
	return ""
}

func (p *peer) list(block []byte, whole bool) string {
	p.t.Helper()
	if !whole {
		return " ..."
	}
	fields, err := p.decoder.DecodeFull(block)
	if err != nil {
		p.t.Fatalf("x/net cannot decode a block: %v", err)
	}
	s := ""
	for _, f := range fields {
		s += fmt.Sprintf(" %s=%s", f.Name, f.Value)
	}
	return s
}

func cat(pieces ...[]byte) []byte { return bytes.Join(pieces, nil) }

// equal compares lists of events or frames.
func equal(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
