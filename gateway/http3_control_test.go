package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// dialBare is dialQUIC without a control stream.
func dialBare(t testing.TB, address string) *quic.Conn {
	t.Helper()
	config := authority(t).client()
	config.NextProtos = []string{"h3"}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := quic.DialAddr(ctx, address, config, &quic.Config{MaxIdleTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") })
	return c
}

// closedWith returns the code that a connection was closed with, as 0x and its digits.
func closedWith(t testing.TB, c *quic.Conn) string {
	t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(patience):
		return "nothing"
	}
	var closed *quic.ApplicationError
	if cause := context.Cause(c.Context()); !errors.As(cause, &closed) || !closed.Remote {
		return cause.Error()
	}
	switch closed.ErrorCode {
	case 0x201:
		return "QPACK_ENCODER_STREAM_ERROR"
	case 0x202:
		return "QPACK_DECODER_STREAM_ERROR"
	}
	return http3.ErrCode(closed.ErrorCode).String()
}

// A unidirectionalCase is what a client says on unidirectional streams, each given as its octets, "." being its end, and what that ends
// the connection with, if it does.
type unidirectionalCase struct {
	want    string
	streams []string
}

func unidirectional() []unidirectionalCase {
	settings := string(append([]byte{0}, frame(4, nil)...))
	control := func(kind uint64, payload string) string { return settings + string(frame(kind, []byte(payload))) }
	set := func(pairs ...uint64) string {
		var b []byte
		for _, v := range pairs {
			b = quicvarint.Append(b, v)
		}
		return string(append([]byte{0}, frame(4, b)...))
	}
	return []unidirectionalCase{
		{"", nil},
		{"", []string{settings}},
		{"", []string{set(0x33, 1, 8, 1, 6, 1000, 1, 4096, 7, 16, 0x21, 5)}},
		{"", []string{control(0x21, "ignored")}},
		{"", []string{settings, "\x02", "\x03"}},
		{"", []string{settings, "\x02\x20\x20", "\x03\x41\x7f\x85\x01"}},
		{"", []string{settings, "\x21ignored", "\x40\x54"}},
		{"", []string{"."}},
		{"", []string{"\x40."}},
		{"", []string{control(7, "\x00") + string(frame(7, []byte{0}))}},
		{"", []string{control(0xd, "\x05") + string(frame(0xd, []byte{5}))}},
		{"", []string{control(0xf0700, "\x00u=1"), "\x02"}},
		{"H3_MISSING_SETTINGS", []string{"\x00" + string(frame(0x21, nil))}},
		{"H3_MISSING_SETTINGS", []string{"\x00" + string(frame(7, []byte{0}))}},
		{"H3_FRAME_UNEXPECTED", []string{control(4, "")}},
		{"H3_FRAME_UNEXPECTED", []string{control(0, "a")}},
		{"H3_FRAME_UNEXPECTED", []string{control(1, "a")}},
		{"H3_FRAME_UNEXPECTED", []string{control(5, "a")}},
		{"H3_FRAME_UNEXPECTED", []string{control(2, "a")}},
		{"H3_FRAME_UNEXPECTED", []string{control(6, "a")}},
		{"H3_FRAME_UNEXPECTED", []string{control(8, "a")}},
		{"H3_FRAME_UNEXPECTED", []string{control(9, "a")}},
		{"H3_SETTINGS_ERROR", []string{set(6, 1, 6, 1)}},
		{"H3_SETTINGS_ERROR", []string{set(0x21, 1, 0x22, 0, 0x21, 2)}},
		{"H3_SETTINGS_ERROR", []string{set(2, 0)}},
		{"H3_SETTINGS_ERROR", []string{set(3, 0)}},
		{"H3_SETTINGS_ERROR", []string{set(4, 0)}},
		{"H3_SETTINGS_ERROR", []string{set(5, 0)}},
		{"H3_SETTINGS_ERROR", []string{set(8, 2)}},
		{"H3_SETTINGS_ERROR", []string{set(0x33, 2)}},
		{"H3_FRAME_ERROR", []string{set(6)}},
		{"H3_FRAME_ERROR", []string{"\x00\x04\x01\x40"}},
		{"H3_EXCESSIVE_LOAD", []string{"\x00\x04\x44\x01" + strings.Repeat("a", 1025)}},
		{"H3_EXCESSIVE_LOAD", []string{"\x00\x04\xff\xff\xff\xff\xff\xff\xff\xff"}},
		{"H3_EXCESSIVE_LOAD", []string{settings + strings.Repeat(string(frame(0x21, nil)), 1001)}},
		{"H3_EXCESSIVE_LOAD", []string{settings + strings.Repeat(string(frame(0xd, []byte{5})), 1001)}},
		{"H3_FRAME_ERROR", []string{control(7, "")}},
		{"H3_FRAME_ERROR", []string{control(7, "\x00\x00")}},
		{"H3_ID_ERROR", []string{control(7, "\x00") + string(frame(7, []byte{4}))}},
		{"H3_ID_ERROR", []string{control(0xd, "\x05") + string(frame(0xd, []byte{4}))}},
		{"H3_ID_ERROR", []string{control(3, "\x00")}},
		{"H3_ID_ERROR", []string{control(0xf0701, "\x00u=1")}},
		{"H3_ID_ERROR", []string{control(0xf0700, "\x01u=1")}},
		{"H3_ID_ERROR", []string{control(0xf0700, "\x02u=1")}},
		{"H3_FRAME_ERROR", []string{control(0xf0700, "")}},
		{"H3_FRAME_ERROR", []string{settings + "\x21\x05a."}},
		{"H3_CLOSED_CRITICAL_STREAM", []string{settings + "."}},
		{"H3_CLOSED_CRITICAL_STREAM", []string{"\x00."}},
		{"H3_CLOSED_CRITICAL_STREAM", []string{settings, "\x02."}},
		{"H3_CLOSED_CRITICAL_STREAM", []string{settings, "\x03."}},
		{"H3_STREAM_CREATION_ERROR", []string{settings, settings}},
		{"H3_STREAM_CREATION_ERROR", []string{settings, "\x02", "\x02"}},
		{"H3_STREAM_CREATION_ERROR", []string{settings, "\x03", "\x40\x03"}},
		{"H3_STREAM_CREATION_ERROR", []string{settings, "\x01\x00"}},
		{"QPACK_ENCODER_STREAM_ERROR", []string{settings, "\x02\x3f\xe1\x1f"}},   // a capacity of 4096
		{"QPACK_ENCODER_STREAM_ERROR", []string{settings, "\x02\xc0\x01a"}},      // an insertion with a static name
		{"QPACK_ENCODER_STREAM_ERROR", []string{settings, "\x02\x20\x41a\x01b"}}, // with a literal name
		{"QPACK_ENCODER_STREAM_ERROR", []string{settings, "\x02\x00"}},           // a duplicate
		{"QPACK_DECODER_STREAM_ERROR", []string{settings, "\x03\x80"}},           // a section acknowledgement
		{"QPACK_DECODER_STREAM_ERROR", []string{settings, "\x03\x7f\x05\x01"}},   // an increment, after a cancellation
		{"QPACK_DECODER_STREAM_ERROR", []string{settings, "\x03\x00"}},
	}
}

// TestHTTP3Unidirectional: what is wrong on unidirectional streams ends the connection; requests are served beside what is right. See
// RFC 9114, sections 6.2 and 7.2, RFC 9204, section 4, and RFC 9218, section 7.2.
func TestHTTP3Unidirectional(t *testing.T) {
	g, address := serveOn(t, three, respond)
	for _, c := range unidirectional() {
		for _, piece := range []int{1 << 20, 1} {
			q := dialBare(t, address)
			for _, octets := range c.streams {
				s, err := q.OpenUniStream()
				if err != nil {
					t.Fatal(err)
				}
				content, ends := strings.CutSuffix(octets, ".")
				if len(content) > 100 {
					s.Write([]byte(content))
				} else {
					for b := []byte(content); len(b) > 0; b = b[min(piece, len(b)):] {
						s.Write(b[:min(piece, len(b))])
					}
				}
				if ends {
					s.Close()
				}
			}
			if c.want != "" {
				if got := closedWith(t, q); got != c.want {
					t.Errorf("%q: closed with %s, want %s", c.streams, got, c.want)
				}
				continue
			}
			s, err := q.OpenStreamSync(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.Write(headersFrame(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"))
			s.Close()
			if got := answered(s); got != "200" {
				t.Errorf("%q: a request: %s, want 200", c.streams, got)
			}
			q.CloseWithError(0, "")
		}
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
}

// TestHTTP3Settings: what the gateway says first, and that it opens no stream that it does not need.
func TestHTTP3Settings(t *testing.T) {
	_, address := serveOn(t, three, respond)
	c := dialBare(t, address)
	s, err := c.AcceptUniStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.SetReadDeadline(time.Now().Add(patience))
	list := quicvarint.Append(nil, 16<<10+32*128)
	want := append([]byte{0}, frame(4, append(append([]byte{6}, list...), 8, 1))...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the control stream begins with %x, %v, want %x", got, err, want)
	}
}

// TestHTTP3ExtendedConnect: a WebSocket over HTTP/3. See RFC 9220.
func TestHTTP3ExtendedConnect(t *testing.T) {
	url, heads := echoingSockets(t)
	_, address := serveOn(t, three, policy(url, "ONE"))
	c := dialQUIC(t, address)
	connect := []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "h", "origin", "https://myapp.com", "sec-websocket-version", "13"}
	s, err := c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	s.SetReadDeadline(time.Now().Add(patience))
	s.Write(headersFrame(connect...))
	in := quicvarint.NewReader(s)
	next := func() (kind uint64, payload []byte) {
		t.Helper()
		kind, err := quicvarint.Read(in)
		if err != nil {
			t.Fatal(err)
		}
		n, err := quicvarint.Read(in)
		if err != nil {
			t.Fatal(err)
		}
		payload = make([]byte, n)
		if _, err := io.ReadFull(in, payload); err != nil {
			t.Fatal(err)
		}
		return kind, payload
	}
	if kind, payload := next(); kind != 1 || len(payload) < 3 || payload[2] != 0xd9 { // :status 200
		t.Fatalf("frame %d: %x, want a head with status 200", kind, payload)
	}
	if r := <-heads; r.Method != "GET" || r.Header.Get("Upgrade") != "websocket" || len(r.Header.Get("Sec-Websocket-Key")) != 24 {
		t.Errorf("the upstream got %v", r)
	}
	for _, said := range []string{"hello", "again"} {
		s.Write(dataFrame(said[:2]))
		s.Write(dataFrame(said[2:]))
		for got := ""; got != said; {
			kind, payload := next()
			if got += string(payload); kind != 0 || !strings.HasPrefix(said, got) {
				t.Fatalf("frame %d: %q came back, want %q", kind, got, said)
			}
		}
	}
	s.Close()
	if rest, err := io.ReadAll(s); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v, want the end", rest, err)
	}
	refused := func(want string, fields ...string) {
		t.Helper()
		s, err := c.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write(headersFrame(fields...))
		if got := answered(s); got != want {
			t.Errorf("%q: %s, want %s", fields, got, want)
		}
	}
	connect[11] = "https://evil.example"
	refused("403", connect...)
	connect[11], connect[3] = "https://myapp.com", "connect-udp"
	refused("501", connect...)
	refused("405", ":method", "CONNECT", ":authority", "h:443")
}

// TestHTTP3Chatter: frames that requests come with do not add up to a flood.
func TestHTTP3Chatter(t *testing.T) {
	_, address := serveOn(t, three, respond)
	c := dialBare(t, address)
	control, err := c.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	control.Write([]byte{0, 4, 0})
	for i := range 400 {
		for range 4 {
			control.Write(frame(0xf0700, append(quicvarint.Append(nil, uint64(4*i)), "u=2"...)))
		}
		s, err := c.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Write(headersFrame(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"))
		s.Close()
		if got := answered(s); got != "200" {
			t.Fatalf("request %d: %s, want 200", i, got)
		}
	}
}
