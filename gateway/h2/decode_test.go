package h2

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/http2/hpack"
)

const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"

// preflight is one as Chromium sends it.
var preflight = []field{
	{":method", "OPTIONS"}, {":authority", "api.example.com"}, {":scheme", "https"}, {":path", "/v1/items/4711?page=2&size=50"},
	{"accept", "*/*"}, {"access-control-request-method", "PUT"}, {"access-control-request-headers", "authorization,content-type"},
	{"origin", "https://app.example.com"}, {"user-agent", userAgent}, {"sec-fetch-mode", "cors"}, {"sec-fetch-site", "same-site"},
	{"sec-fetch-dest", "empty"}, {"referer", "https://app.example.com/"}, {"accept-encoding", "gzip, deflate, br, zstd"},
	{"accept-language", "en-US,en;q=0.9"}, {"priority", "u=1, i"},
}

func (t *table) lines() string {
	var all []string
	for i := range t.n {
		l := t.line(i)
		all = append(all, strings.TrimSuffix(string(l.text), "\r\n"))
	}
	return strings.Join(all, "|")
}

// TestExamples has the examples of RFC 7541, appendix C, that are of requests and of responses with a table of 256 bytes.
func TestExamples(t *testing.T) {
	type block struct{ hex, table string }
	for name, blocks := range map[string][]block{
		"C.2.1": {{"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header"}},
		"C.2.2": {{"040c 2f73 616d 706c 652f 7061 7468", ""}},
		"C.2.3": {{"1008 7061 7373 776f 7264 0673 6563 7265 74", ""}},
		"C.2.4": {{"82", ""}},
		"C.3": {
			{"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", ":authority: www.example.com"},
			{"8286 84be 5808 6e6f 2d63 6163 6865", "cache-control: no-cache|:authority: www.example.com"},
			{"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
				"custom-key: custom-value|cache-control: no-cache|:authority: www.example.com"},
		},
		"C.4": {
			{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", ":authority: www.example.com"},
			{"8286 84be 5886 a8eb 1064 9cbf", "cache-control: no-cache|:authority: www.example.com"},
			{"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", "custom-key: custom-value|cache-control: no-cache|:authority: www.example.com"},
		},
		"C.5": {
			{"3fe1 01 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
				"location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private|:status: 302"},
			{"4803 3330 37c1 c0bf", ":status: 307|location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private"},
			{"88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
				"set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1|content-encoding: gzip|date: Mon, 21 Oct 2013 20:13:22 GMT"},
		},
		"C.6": {
			{"3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
				"location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private|:status: 302"},
			{"4883 640e ffc1 c0bf", ":status: 307|location: https://www.example.com|date: Mon, 21 Oct 2013 20:13:21 GMT|cache-control: private"},
		},
	} {
		var d Decoder
		d.Init()
		var h Head
		for i, b := range blocks {
			octets, err := hex.DecodeString(strings.ReplaceAll(b.hex, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			h.Begin(testOptions, true)
			if code := d.Decode(octets, &h); code != NoError || d.table.lines() != b.table {
				t.Errorf("%s.%d: %v, and the table is\n%s, want\n%s", name, i+1, code, d.table.lines(), b.table)
			}
		}
	}
}

// twins are a decoder and that of x/net, in step.
type twins struct {
	ours   Decoder
	theirs *hpack.Decoder
	head   Head
}

func newTwins() *twins {
	w := &twins{theirs: hpack.NewDecoder(tableSize, nil)}
	w.ours.Init()
	return w
}

// decode has both read a block. It reports false if there is no point in going on.
func (w *twins) decode(t *testing.T, block []byte, o *Options, trailers bool) bool {
	t.Helper()
	w.head.Begin(o, trailers)
	code := w.ours.Decode(block, &w.head)
	w.head.end()
	list, err := w.theirs.DecodeFull(block)
	if code == EnhanceYourCalm || differs(block) {
		return false
	}
	if (code == NoError) != (err == nil) {
		t.Fatalf("Decode(%x) = %v, x/net: %v", block, code, err)
	}
	if err != nil {
		return false
	}
	fields := make([]field, len(list))
	for i, f := range list {
		fields[i] = field{f.Name, f.Value}
	}
	sameHead(t, &w.head, fields, o, trailers)
	return true
}

// differs reports whether a block may have what x/net takes and we do not: a table size anywhere while the table is empty.
func differs(block []byte) bool {
	for i, b := range block {
		if i > 0 && b >= 0x20 && b < 0x40 {
			return true
		}
	}
	return false
}

// TestInteger: integers of up to 62 bits are read, however many bytes stand for them up to nine.
func TestInteger(t *testing.T) {
	for _, c := range []struct {
		bytes string
		bits  uint
		v, n  int
	}{
		{"\x0a", 5, 10, 1}, {"\x1f\x9a\x0a", 5, 1337, 3}, {"\x2a", 8, 42, 1}, {"\x3f\x00rest", 6, 63, 2}, {"\xff\x80\x80\x80\x80\x00", 6, 63, 6},
		{"\xff\xe1\xff\xff\xff\x07", 5, math.MaxInt32, 6}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x3f", 7, math.MaxInt32, 10},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 8, math.MaxInt32, 10}, {"\x7f\x80\x80\x80\x80\x80\x80\x80\x80\x00", 7, 127, 10},
		{"\x7f\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 7, 0, 0}, {"\x1f", 5, 0, 0}, {"\x1f\x80\x80", 5, 0, 0},
	} {
		if v, n := integer([]byte(c.bytes), c.bits); v != c.v || n != c.n {
			t.Errorf("%x with a prefix of %d bits: %d in %d bytes, want %d in %d", c.bytes, c.bits, v, n, c.v, c.n)
		}
	}
}

// TestDecodeTwin has random lists written by x/net's encoder.
func TestDecodeTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		p := newPeer(t, testOptions)
		w := newTwins()
		for range 40 {
			if r.IntN(10) == 0 {
				p.encoder.SetMaxDynamicTableSize(uint32(r.IntN(tableSize + 1)))
			}
			fields := randomFields(r)
			block := p.encode(fields...)
			w.head.Begin(testOptions, false)
			if code := w.ours.Decode(block, &w.head); code != NoError {
				t.Fatalf("%q: %v", fields, code)
			}
			w.head.end()
			sameHead(t, &w.head, fields, testOptions, false)
		}
	}
}

func randomFields(r *rand.Rand) []field {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	text := func(n int) string {
		b := make([]byte, r.IntN(n))
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
			if r.IntN(20) == 0 {
				b[i] = byte(r.Uint32())
			}
		}
		return string(b)
	}
	f := []field{
		{":method", pick("GET", "POST", "OPTIONS", "CONNECT")}, {":scheme", pick("https", "http", "HTTPS")},
		{":path", pick("/", "/a?b=c", "*", "", "x", "/"+text(30))}, {":authority", pick("a.example", "b.example:8080")},
	}
	if r.IntN(4) == 0 {
		f = f[r.IntN(4):]
	}
	if r.IntN(8) == 0 {
		f = append(f, field{":protocol", "websocket"})
	}
	for range r.IntN(20) {
		switch r.IntN(24) {
		case 0:
			f = append(f, field{"cookie", pick("a=1", "b=2", "c")})
		case 1:
			f = append(f, field{"host", pick("a.example", "A.example", "c.example")})
		case 2:
			f = append(f, field{"content-length", pick("5", "05", "x", "123456789")})
		case 3:
			f = append(f, field{pick("te", "priority", "connection", "X-Upper", ":path", ""), pick("trailers", "u=2, i", "close")})
		default:
			name := "x-" + fmt.Sprint(r.IntN(30))
			f = append(f, field{name, strings.TrimSpace(text(60)) + pick("", strings.Repeat("v", r.IntN(3000)))})
		}
	}
	return f
}

// FuzzDecode gives any bytes, as up to four blocks of one connection, to the decoder and that of x/net.
func FuzzDecode(f *testing.F) {
	p := newPeer(f, testOptions)
	first := p.encode(preflight...)
	f.Add(first, p.encode(preflight...), []byte{0x20}, false)
	f.Add([]byte("\x3f\xe1\x1f\x82\x87\x84"), []byte("\x40\x01a\x01b\xbe"), []byte("\x7e\x02cd"), true)
	f.Fuzz(func(t *testing.T, a, b, c []byte, trailers bool) {
		w := newTwins()
		for _, block := range [][]byte{a, b, a, c} {
			if !w.decode(t, block, testOptions, trailers) {
				return
			}
		}
	})
}

// TestBombs: heads that say a lot in little are counted, not copied, and end the connection when they say too much.
func TestBombs(t *testing.T) {
	var d Decoder
	d.Init()
	var h Head
	h.Begin(testOptions, false)
	bomb := append(appendInteger([]byte("\x40\x01a"), 0, 7, 3900), strings.Repeat("b", 3900)...)
	for range 16000 {
		bomb = append(bomb, 0xbe)
	}
	if code := d.Decode(bomb, &h); code != EnhanceYourCalm {
		t.Errorf("16,000 references to 3.9 KiB: %v", code)
	}
	if len(h.Text) > testOptions.Limits.HeadBytes {
		t.Errorf("%d bytes of text", len(h.Text))
	}
	for _, b := range []string{"\x80", "\xff\xff\xff\xff\xff\x0f", "\xbe", "\x41", "\x40\x81", "\x00\x01a\x05b", "\x3f\xe2\x1f", "\x82\x20", "\x00\x81\xff\x00"} {
		d.Init()
		h.Begin(testOptions, false)
		if code := d.Decode([]byte(b), &h); code != CompressionError {
			t.Errorf("Decode(%x) = %v, want %v", b, code, CompressionError)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	p := newPeer(b, testOptions)
	first, again := p.encode(preflight...), p.encode(preflight...)
	var h Head
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	decode := func(d *Decoder, block []byte) {
		h.Begin(testOptions, false)
		if d.Decode(block, &h) != NoError {
			b.Fatal("it cannot be decoded")
		}
		h.end()
	}
	run("first", func() {
		var d Decoder
		d.Init()
		decode(&d, first)
	})
	var d Decoder
	d.Init()
	run("first/memory=kept", func() {
		d.table.evict(0)
		d.table.mem = d.table.mem[:0]
		decode(&d, first)
	})
	run("again", func() { decode(&d, again) })
	var r wire.Request
	run("again/parsed", func() {
		decode(&d, again)
		r.Parse(append(h.Text, "\r\n"...), testOptions.Limits)
	})
	run("again/request", func() {
		decode(&d, again)
		h.Request(&r, testOptions.Limits)
	})
}
