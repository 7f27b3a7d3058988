package gateway_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

func dialQUIC(t testing.TB, address string) *quic.Conn {
	t.Helper()
	c := dialBare(t, address)
	control, err := c.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	control.Write([]byte{0, 4, 0}) // a control stream, whose SETTINGS are empty
	return c
}

func frame(kind uint64, payload []byte) []byte {
	return append(quicvarint.Append(quicvarint.Append(nil, kind), uint64(len(payload))), payload...)
}

func dataFrame(content string) []byte { return frame(0, []byte(content)) }

func headersFrame(fields ...string) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(qpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return frame(1, b.Bytes())
}

func answered(s *quic.Stream) string {
	s.SetReadDeadline(time.Now().Add(patience))
	in := quicvarint.NewReader(s)
	for {
		kind, err := quicvarint.Read(in)
		var length uint64
		if err == nil {
			length, err = quicvarint.Read(in)
		}
		payload := make([]byte, length)
		if err == nil {
			_, err = io.ReadFull(in, payload)
		}
		var reset *quic.StreamError
		var closed *quic.ApplicationError
		switch {
		case errors.As(err, &reset):
			return "reset " + http3.ErrCode(reset.ErrorCode).String()
		case errors.As(err, &closed):
			return "closed " + http3.ErrCode(closed.ErrorCode).String()
		case err != nil:
			return err.Error()
		case kind != 1:
			continue
		}
		decode := qpack.NewDecoder().Decode(payload)
		for {
			f, err := decode()
			if err != nil {
				break
			}
			if f.Name == ":status" && f.Value[0] != '1' {
				return f.Value
			}
		}
	}
}

func TestHTTP3Malformed(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	_, address := serveOn(t, three, "[limits]\nbody_bytes = \"1KiB\"\n"+policy(d.url(), "ONE"))
	usual := map[string]string{":method": "GET", ":scheme": "https", ":path": "/", ":authority": "h"}
	c := dialQUIC(t, address)
	octets := func(want string, octets []byte) {
		t.Helper()
		s, err := c.OpenStream()
		if err != nil { // what came before has ended the connection
			c = dialQUIC(t, address)
			s, err = c.OpenStream()
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Write(octets)
		s.Close()
		got := answered(s)
		if got == "" || (want == "200") != (got == "200") || !strings.Contains(want, got) {
			t.Errorf("%.300q: %s, want %s", octets, got, want)
		}
		for _, r := range d.requests() {
			if want != "200" && strings.Contains(r, "\r\n\r\n") {
				t.Errorf("%.300q: forwarded as %.300q", octets, r)
			}
		}
		d.reset()
	}
	f := func(want string, content string, changes ...string) {
		t.Helper()
		var fields []string
		for _, name := range []string{":method", ":scheme", ":path", ":authority"} {
			value := usual[name]
			for i := 0; i < len(changes); i += 2 {
				if changes[i] == name {
					value = changes[i+1]
				}
			}
			if value != "-" {
				fields = append(fields, name, value)
			}
		}
		for i := 0; i < len(changes); i += 2 {
			if changes[i] == "" || changes[i][0] != ':' || usual[changes[i]] == "" {
				fields = append(fields, changes[i], changes[i+1])
			}
		}
		all := headersFrame(fields...)
		if content != "" {
			all = append(all, dataFrame(content)...)
		}
		octets(want, all)
	}
	const malformed, any = "400 reset H3_MESSAGE_ERROR", "400 405 501 reset H3_MESSAGE_ERROR"
	f("200", "")
	f("200", "", "accept", "a", "cookie", "a=1", "cookie", "b=2")
	f(malformed, "", ":method", "GET /admin HTTP/1.1")
	f(malformed, "", ":method", "G T")
	f("405", "", ":method", "TRACE")
	f(any, "", ":method", "CONNECT")
	f(any, "", ":method", "CONNECT", ":path", "-", ":scheme", "-")
	f("501", "", ":method", "CONNECT", ":protocol", "connect-udp")
	f(malformed, "", ":method", "")
	for _, path := range []string{"/a b", "/a#b", "/a\\b", "/\x7f", "*", "/%0d%0aX:%20y"} {
		f(malformed, "", ":path", path)
	}
	f(malformed, "", ":path", "http://evil/")
	f(malformed, "", ":path", "foo")
	f(malformed, "", ":path", "")
	f(malformed, "", ":path", "-")
	f(malformed, "", ":authority", "user@h")
	f("400", "", ":authority", "h:99999")
	f("400", "", ":authority", "a,b")
	f(malformed, "", ":authority", "-")
	f("200", "", ":authority", "-", "host", "h")
	f("200", "", "host", "h")
	f(malformed, "", "host", "other")
	f(malformed, "", "host", "h", "host", "h")
	f(malformed, "", "connection", "close")
	f(malformed, "", "keep-alive", "1")
	f(malformed, "", "proxy-connection", "close")
	f(malformed, "", "transfer-encoding", "chunked")
	f(malformed, "", "upgrade", "websocket")
	f(malformed, "", "te", "gzip")
	f("200", "", "te", "trailers")
	f(malformed, "", "X-Upper", "a")
	f(malformed, "", "a b", "a")
	f(malformed, "", "", "a")
	f(malformed, "", "x", "a\r\nb: c")
	f(malformed, "", "x", "a\x00")
	f(malformed, "", ":status", "200")
	f(malformed, "", ":path", "/", ":extra", "1")
	f("417", "", "expect", "something")
	f("400", "", "content-length", "5")
	f(malformed, "hello", ":method", "POST", "content-length", "4")
	f(malformed, "hello", ":method", "POST", "content-length", "6")
	f(malformed, "hello", ":method", "POST", "content-length", "0")
	f("400", "hello", ":method", "POST", "content-length", "5", "content-length", "5")
	f(malformed, "hello", ":method", "POST", "content-length", "5", "content-length", "6")
	f(malformed, "hello", ":method", "POST", "content-length", "+5")
	f(malformed, "hello", ":method", "POST", "content-length", "5, 5")
	f("200", "hello", ":method", "POST", "content-length", "5")
	f("200", "hello", ":method", "POST")
	// A DATA frame that the end of the stream cuts is an error of the connection, and never the end of the content.
	const cut = "closed H3_FRAME_ERROR reset H3_MESSAGE_ERROR"
	for _, method := range []string{"POST", "GET", "DELETE"} {
		head := headersFrame(":method", method, ":scheme", "https", ":path", "/", ":authority", "h")
		sized := headersFrame(":method", method, ":scheme", "https", ":path", "/", ":authority", "h", "content-length", "2")
		for _, frame := range []string{"\x00\x0aab", "\x00\x0a", "\x00\x02ab\x00\x02a"} {
			octets(cut, append(slices.Clone(head), frame...))
			octets(cut+" 400", append(slices.Clone(sized), frame...))
		}
	}
	f("413", "hello", ":method", "POST", "content-length", "5000")
	f("413", strings.Repeat("x", 2000), ":method", "POST")
	f("431", "", "x", strings.Repeat("a", 16000), "y", strings.Repeat("b", 1000))
	f("431", "", "x", strings.Repeat("a", 100_000))
	f("414", "", ":path", "/"+strings.Repeat("a", 17_000))
	f("400", "", ":path", "/"+strings.Repeat("a", 100_000)) // what follows it is not read
	octets("414", headersFrame(":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/"+strings.Repeat("a", 100_000)))
	many := []string{}
	for i := range 200 {
		many = append(many, fmt.Sprint("x-", i), "1")
	}
	f("431", "", many...)

	post := headersFrame(":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h", "content-length", "5")
	open := headersFrame(":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h")
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	octets("200", join(post, dataFrame("he"), dataFrame(""), frame(0x21, []byte("ignored")), dataFrame("llo")))
	octets("200", join(open, dataFrame("he"), dataFrame(""), dataFrame("llo"), headersFrame("x-trailer", "1")))
	octets("200", join(post, dataFrame("hello"), headersFrame("x-trailer", "1")))
	octets(malformed, join(post, dataFrame("hello"), dataFrame("more")))
	octets(malformed, join(post, dataFrame("hell")))
	octets("closed H3_FRAME_UNEXPECTED", join(dataFrame("hello"), post))
	octets("closed H3_FRAME_UNEXPECTED reset H3_INTERNAL_ERROR", join(open, dataFrame("hello"), frame(4, nil)))
	octets("reset H3_INCOMPLETE_REQUEST", nil)
	octets("reset H3_INCOMPLETE_REQUEST", frame(0x21, []byte("ignored")))
	octets("200", join(frame(0x40, nil), post, frame(0x21, nil), dataFrame("hello"), frame(0x1f*7+0x21, []byte("ignored"))))
	octets("closed H3_FRAME_ERROR", post[:len(post)-3])
	octets("closed H3_FRAME_ERROR", []byte{1})
	octets("closed H3_FRAME_ERROR", join(post, dataFrame("hello"), []byte{0x21, 5, 1}))
	for _, kind := range []uint64{2, 3, 4, 5, 6, 7, 8, 9, 0xd, 0xf0700, 0xf0701} {
		octets("closed H3_FRAME_UNEXPECTED", join(frame(kind, []byte{0}), post, dataFrame("hello")))
		octets("closed H3_FRAME_UNEXPECTED", join(post, frame(kind, []byte{0}), dataFrame("hello")))
		octets("closed H3_FRAME_UNEXPECTED", join(post, dataFrame("he"), frame(kind, []byte{0})))
	}
	trailed := join(open, dataFrame("hello"), headersFrame("x-trailer", "1"))
	octets("200", join(trailed, frame(0x21, []byte("ignored"))))
	octets("closed H3_FRAME_UNEXPECTED", join(trailed, dataFrame("more")))
	octets("closed H3_FRAME_UNEXPECTED", join(trailed, headersFrame("x-trailer", "1")))
	octets(malformed, join(open, dataFrame("hello"), headersFrame(":path", "/")))
	octets(malformed, join(open, dataFrame("hello"), headersFrame("Upper", "1")))
	octets("400", join(open, dataFrame("hello"), headersFrame("x", strings.Repeat("a", 17000))))
	octets(malformed, headersFrame(":method", "GET", ":scheme", "https", ":authority", "h", "x", "1", ":path", "/"))
	octets(malformed, headersFrame(":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/", ":path", "/"))
	for _, block := range []string{"", "\x00", "\x00\x80", "\x01\x00\xd1", "\xff\xff\xff\xff\xff\xff\xff\xff", "\x00\x00\x80", "\x00\x00\xff\x24",
		"\x00\x00\x10", "\x00\x00\x01", "\x00\x00\x40\x00", "\x00\x00\x51", "\x00\x00\x21", "\x00\x00\x21a\x05b", "\x00\x00\x29\xff\x01a"} {
		octets("closed QPACK_DECOMPRESSION_FAILED", frame(1, []byte(block)))
		octets("closed QPACK_DECOMPRESSION_FAILED", join(open, dataFrame("hello"), frame(1, []byte(block))))
	}
}
