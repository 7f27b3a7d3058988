package h2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/http2/hpack"
)

// FuzzHead has any fields, written plainly.
func FuzzHead(f *testing.F) {
	f.Add(":method\x00GET\x01:scheme\x00https\x01:path\x00/a\x01:authority\x00h\x01host\x00H\x01cookie\x00a\x01cookie\x00b", uint16(1000), true)
	f.Add(":method\x00CONNECT\x01:protocol\x00websocket\x01:scheme\x00https\x01:path\x00/a\x01:authority\x00h", uint16(100), true)
	f.Add(":method\x00GET\x01:scheme\x00https\x01:path\x00/"+strings.Repeat("%41", 900)+"?x\x01x\x00"+strings.Repeat("y", 300), uint16(200), false)
	f.Fuzz(func(t *testing.T, list string, limit uint16, connect bool) {
		o := &Options{Limits: wire.Limits{HeadBytes: 64 + int(limit), Fields: 8}, Connect: connect}
		var fields []field
		var literals, indexed bytes.Buffer
		encoder := hpack.NewEncoder(&indexed)
		for part := range strings.SplitSeq(list, "\x01") {
			name, value, _ := strings.Cut(part, "\x00")
			fields = append(fields, field{name, value})
			literals.WriteByte(0)
			for _, s := range []string{name, value} {
				literals.Write(append(appendInteger(nil, 0, 7, len(s)), s...))
			}
		}
		first := 0
		for range 2 {
			first = indexed.Len()
			for _, f := range fields {
				encoder.WriteField(hpack.HeaderField{Name: f.name, Value: f.value})
			}
		}
		var d Decoder
		d.Init()
		for _, block := range [][]byte{literals.Bytes(), indexed.Bytes()[:first], indexed.Bytes()[first:]} {
			var h Head
			h.Begin(o, false)
			if code := d.Decode(block, &h); code != NoError {
				return // a bomb
			}
			h.end()
			sameHead(t, &h, fields, o, false)
		}
	})
}

func TestHead(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	p := newPeer(t, testOptions)
	f := func(want string, fields ...field) {
		t.Helper()
		p.encoder.SetMaxDynamicTableSize(uint32(r.IntN(2) * 4096)) // from the table, and not
		for range 2 {
			w := newTwins()
			w.ours = p.s.decoder
			block := p.encode(fields...)
			w.head.Begin(testOptions, false)
			code := w.ours.Decode(block, &w.head)
			w.head.end()
			p.s.decoder = w.ours
			got := string(w.head.Text)
			if w.head.Malformed {
				got = "malformed"
			}
			if code != NoError || got != want {
				t.Errorf("%q: got %v %q, want %q", fields, code, got, want)
			}
		}
	}
	head := "GET /x HTTP/1.1\r\nHost: api.example.com\r\n"
	x := getOf("/x")
	f(head, x...)
	f(head+"a: b\r\ncookie: a=1; b=2\r\n", append(x, field{"cookie", "a=1"}, field{"a", "b"}, field{"cookie", "b=2"})...)
	f(head+"a: \r\n", append(x, field{"a", ""})...)
	f(head+"te: trailers\r\n", append(x, field{"te", "trailers"})...)
	f(head+"a_b: \xc3\xa9\r\n", append(x, field{"a_b", "\xc3\xa9"})...)

	// Host and :authority. See RFC 9113, section 8.3.1.
	f(head, append(x, field{"host", "api.example.com"})...)
	f(head, append(x, field{"host", "API.example.com"})...)
	f("malformed", append(x, field{"host", "other.example.com"})...)
	f("malformed", append(x, field{"host", "api.example.com:443"})...)
	f("malformed", append(x, field{"host", "api.example.com"}, field{"host", "api.example.com"})...)
	f("GET /x HTTP/1.1\r\nhost: h\r\n", x[0], x[1], x[3], field{"host", "h"})
	f("malformed", x[0], x[1], x[3], field{"host", "h"}, field{"host", "h"})
	f("GET /x HTTP/1.1\r\n", x[0], x[1], x[3]) // which wire refuses

	// Pseudo-fields. See RFC 9113, section 8.3.
	for i := range x {
		if i != 2 {
			f("malformed", slices.Delete(slices.Clone(x), i, i+1)...)
		}
		f("malformed", append(slices.Clone(x), x[i])...)
		f("malformed", append([]field{{"a", "b"}}, x...)...)
		empty := slices.Clone(x)
		empty[i].value = ""
		f("malformed", empty...)
		for _, bad := range []string{"a b", "a\tb", " /a", "/a ", "/\r\nx: y", "/\x00", "/\x7f"} {
			worse := slices.Clone(x)
			worse[i].value = bad
			f("malformed", worse...)
		}
	}
	f("malformed", append(x, field{":status", "200"})...)
	f("malformed", append(x, field{":x", "y"})...)
	f("malformed", append(x, field{":", "y"})...)
	for _, path := range []string{"http://api.example.com/x", "x", "?a", "https://x", "**", "."} {
		f("malformed", getOf(path)...)
	}
	f("malformed", field{":method", "GET"}, field{":scheme", "ftp"}, field{":path", "/"}, field{":authority", "h"})
	f("OPTIONS * HTTP/1.1\r\nHost: h\r\n", field{":method", "OPTIONS"}, field{":scheme", "https"}, field{":path", "*"}, field{":authority", "h"})

	// Names and values. See RFC 9113, sections 8.2.1 and 8.2.2.
	for _, name := range []string{"X-A", "", "a b", "a:", "a\x00", "\xc3\xa9", "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"} {
		f("malformed", append(x, field{name, "trailers"})...)
	}
	for _, value := range []string{" a", "a ", "\ta", "a\t", "a\rb", "a\nb", "a\x00b", "a\x7fb", "a\x01b", " "} {
		f("malformed", append(x, field{"a", value})...)
		f("malformed", append(x, field{"cookie", value})...)
		f("malformed", append(x, field{"content-length", value})...)
	}
	f("malformed", append(x, field{"te", "gzip"})...)
	f("malformed", append(x, field{"te", "trailers, gzip"})...)

	// CONNECT. See RFC 9113, section 8.5, and RFC 8441, section 4.
	f("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n", field{":method", "CONNECT"}, field{":authority", "h:443"})
	f("malformed", field{":method", "CONNECT"})
	f("malformed", append(x[1:], field{":method", "CONNECT"})...)
	extended := append([]field{{":method", "CONNECT"}, {":protocol", "websocket"}}, x[1:]...)
	f(head, extended...)
	f("malformed", append([]field{{":protocol", "websocket"}}, x...)...)
	for i := 2; i < 5; i++ {
		f("malformed", slices.Delete(slices.Clone(extended), i, i+1)...)
	}
}

func TestHeadFacts(t *testing.T) {
	p := newPeer(t, testOptions)
	f := func(want string, fields ...field) {
		t.Helper()
		var d Decoder
		d.Init()
		p.encoder = newPeer(t, testOptions).encoder
		q := newPeer(t, testOptions)
		var h Head
		h.Begin(testOptions, false)
		d.Decode(q.encode(fields...), &h)
		h.end()
		got := fmt.Sprint(h.Length, " ", string(h.Protocol), " ", h.Priority.Urgency, " ", h.Priority.Incremental)
		if h.Fault != nil {
			got += " " + strconv.Itoa(h.Fault.Status)
		}
		if got != want {
			t.Errorf("%.200q: got %s, want %s", fields, got, want)
		}
	}
	x := getOf("/x")
	f("-1  3 false", x...)
	f("5  3 false", append(x, field{"content-length", "5"})...)
	f("-1  3 false", append(x, field{"content-length", "05"})...)
	f("-1  3 false", append(x, field{"content-length", "5"}, field{"content-length", "5"})...)
	f("-1  3 false", append(x, field{"content-length", "1234567890123456789"})...)
	f("-1  0 true", append(x, field{"priority", "u=0, i"})...)
	f("-1  7 false", append(x, field{"priority", "u=7;a=b , i=?0"})...)
	f("-1  5 true", append(x, field{"priority", "u=5"}, field{"priority", "i=?1"})...)
	for _, odd := range []string{"", "u=8", "u=", "u=-1", "i=1", "u=12", ",,,", "u", "U=1", "\"u=1"} {
		f("-1  3 false", append(x, field{"priority", odd})...)
	}
	f("-1 websocket 3 false", append([]field{{":method", "CONNECT"}, {":protocol", "websocket"}}, x[1:]...)...)
	long := strings.Repeat("y", 17<<10)
	f("-1  3 false 431", append(x, field{"a", long})...)
	f("-1  3 false 431", append(x, field{"cookie", long})...)
	f("-1  3 false 431", append(x, field{"cookie", long[:9<<10]}, field{"cookie", long[:9<<10]})...)
	f("-1  3 false 414", getOf("/"+long)...)
	many := x
	for i := range 140 {
		many = append(many, field{"x-" + strconv.Itoa(i), "y"})
	}
	f("-1  3 false 431", many...)
}

// TestHeadTooLarge: what is left of a head that is too large is one, with the lines that had room.
func TestHeadTooLarge(t *testing.T) {
	q := newPeer(t, testOptions)
	long := strings.Repeat("y", 60000)
	for _, fields := range [][]field{
		append(getOf("/x"), field{"a", long}, field{"origin", "https://app.example.com"}),
		append(getOf("/x/"+long[:40000]+"?q"), field{"origin", "https://app.example.com"}),
		append(getOf("/x/"+strings.Repeat("%41", 15000)), field{"origin", "https://app.example.com"}),
	} {
		var h Head
		h.Begin(testOptions, false)
		if code := q.s.decoder.Decode(q.encode(fields...), &h); code != NoError {
			t.Fatal(code)
		}
		h.end()
		var r wire.Request
		if n, fault := r.Parse(append(h.Text, "\r\n"...), testOptions.Limits); n == 0 || fault != nil || h.Fault == nil ||
			!strings.HasPrefix(string(r.Path), "/x") || string(r.Origin) != "https://app.example.com" || string(r.Host) != "api.example.com" {
			t.Errorf("%.100q: %v, and what is left is %q, %v", fields, h.Fault, h.Text, fault)
		}
	}
}
