package h2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/quic-go/qpack"
	"golang.org/x/net/http2/hpack"
)

// qpackBlock encodes fields by the encoder of quic-go.
func qpackBlock(fields ...string) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(qpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // to memory
	}
	e.Close()
	if b.Len() == 0 {
		return []byte{0, 0}
	}
	return b.Bytes()
}

// qpackFieldsOf decodes a block by the decoder of quic-go.
func qpackFieldsOf(t testing.TB, block []byte) (fields []string) {
	t.Helper()
	next := qpack.NewDecoder().Decode(block)
	for {
		f, err := next()
		if err != nil {
			if err.Error() != "EOF" {
				t.Fatalf("%x: %v", block, err)
			}
			return fields
		}
		fields = append(fields, f.Name, f.Value)
	}
}

func describe(h *Head) string {
	return fmt.Sprintf("text %q, length %d, protocol %q, priority %v, malformed %t, fault %v", h.Text, h.Length, h.Protocol, h.Priority, h.Malformed, h.Fault)
}

// sameQPACKHead checks that fields make the same head by QPACK as by HPACK.
func sameQPACKHead(t testing.TB, o *Options, trailers bool, fields ...string) {
	t.Helper()
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // likewise
	}
	var d Decoder
	d.Init()
	var want, got Head
	want.Begin(o, trailers)
	if code := d.Decode(b.Bytes(), &want); code != NoError {
		return // more than HTTP/2 reads
	}
	want.end()
	got.Begin(o, trailers)
	if !DecodeQPACK(qpackBlock(fields...), &got, false) {
		t.Fatalf("%q: not a block", fields)
	}
	if describe(&got) != describe(&want) && !want.Malformed {
		t.Errorf("%q:\ngot  %s\nwant %s", fields, describe(&got), describe(&want))
	}
	if got.Malformed != want.Malformed {
		t.Errorf("%q: malformed: %t, want %t", fields, got.Malformed, want.Malformed)
	}
}

var qpackLimits = &Options{Limits: wire.Limits{HeadBytes: 16 << 10, Fields: 128}, Connect: true}

// TestQPACKHeads: the same fields make the same head, whichever compression they came by.
func TestQPACKHeads(t *testing.T) {
	usual := []string{":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/"}
	for _, more := range [][]string{
		nil, {"accept", "*/*"}, {"cookie", "a", "cookie", "b"}, {"host", "h"}, {"host", "other"}, {"te", "trailers"}, {"te", "gzip"}, {"content-length", "5"},
		{"content-length", "5", "content-length", "6"}, {"priority", "u=1, i"}, {"connection", "close"}, {"Upper", "a"}, {"", "a"}, {"a", " b"}, {"a", "b\r\nc: d"},
		{"x", strings.Repeat("a", 17000)}, {"x", strings.Repeat("a", 40000)}, {":path", "/"}, {":status", "200"}, {":protocol", "websocket"},
	} {
		sameQPACKHead(t, qpackLimits, false, append(usual[:8:8], more...)...)
		sameQPACKHead(t, qpackLimits, true, more...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var fields []string
		for range random.IntN(12) {
			f := qpackFields[random.IntN(len(qpackFields))]
			name, value := f.name, f.value
			if random.IntN(3) == 0 {
				value = strings.Repeat(string(rune(' '+random.IntN(95))), random.IntN(300))
			}
			if random.IntN(6) == 0 {
				name += "-x"
			}
			fields = append(fields, name, value)
		}
		sameQPACKHead(t, qpackLimits, random.IntN(4) == 0, fields...)
		sameQPACKHead(t, qpackLimits, false, append(usual[:8:8], fields...)...)
	}
}

// FuzzQPACK: whatever comes makes a head that fits the limits, or is refused; what quic-go's decoder takes is a block, and of its fields
// HPACK makes the same head.
func FuzzQPACK(f *testing.F) {
	f.Add(qpackBlock(":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/", "x", "abc"), false)
	f.Add([]byte("\x00\x00\xd1\xd7\x50\x01h\xc1\x23abc\x01d"), true)
	f.Fuzz(func(t *testing.T, block []byte, cut bool) {
		var h Head
		h.Begin(qpackLimits, false)
		ok := DecodeQPACK(block, &h, cut)
		if len(h.Text) > qpackLimits.Limits.HeadBytes {
			t.Fatalf("the head takes %d bytes", len(h.Text))
		}
		if cut {
			return
		}
		if len(block) > 1 && block[1]&0x80 != 0 {
			return // a base below the first entry, which quic-go takes: RFC 9204, section 4.5.1.2
		}
		next := qpack.NewDecoder().Decode(block)
		var fields []string
		for {
			field, err := next()
			if err != nil {
				if err.Error() == "expected Base to be zero" {
					return // which it need not be: RFC 9204, section 4.5.1.2
				}
				if ok && h.size > h.most {
					return // what follows what shows that it is too large is not read
				}
				if done := err.Error() == "EOF"; done != ok {
					t.Fatalf("%x: a block: %t, quic-go says %v", block, ok, err)
				}
				break
			}
			fields = append(fields, field.Name, field.Value)
		}
		if ok {
			sameQPACKHead(t, qpackLimits, false, fields...)
		}
	})
}

// TestQPACKCut: a block of which only the beginning is read is a head that is too large, if the request line is in it.
func TestQPACKCut(t *testing.T) {
	block := qpackBlock(":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/", "origin", "https://a.example", "x", strings.Repeat("a", 1000))
	for n := range block {
		var h Head
		h.Begin(qpackLimits, false)
		if ok := DecodeQPACK(block[:n], &h, true); n > 30 && (!ok || h.Malformed || h.Fault != wire.FaultHeadSize) {
			t.Errorf("%d bytes: a block: %t, %s", n, ok, describe(&h))
		}
	}
}

// TestQPACKTarget: a target that is too long is answered so, even if not all of it is read.
func TestQPACKTarget(t *testing.T) {
	for _, size := range []int{10_000, 17_000, 30_000, 100_000} {
		block := qpackBlock(":method", "GET", ":authority", "h", ":scheme", "https", ":path", "/"+strings.Repeat("a", size), "x", "y")
		most := min(len(block), qpackLimits.ListBytes())
		var h Head
		h.Begin(qpackLimits, false)
		ok := DecodeQPACK(block[:most], &h, most < len(block))
		want := wire.FaultTargetLength
		if size < 16_000 {
			want = nil
		}
		if !ok || h.Malformed || h.Fault != want || !bytes.HasPrefix(h.Text, []byte("GET /")) {
			t.Errorf("%d bytes: a block: %t, %s, want %v", size, ok, describe(&h), want)
		}
	}
}

// TestQPACKEncode: what AppendQPACK writes is what quic-go's decoder reads.
func TestQPACKEncode(t *testing.T) {
	long := strings.Repeat("x-", 40)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", []string{":status", "200"}},
		{"HTTP/1.1 299 What\r\nVary: Origin\r\nvary: origin\r\n\r\nrest", []string{":status", "299", "vary", "Origin", "vary", "origin"}},
		{"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", []string{":status", "103", "link", "<a>"}},
		{"HTTP/1.1 204 No Content\r\nConnection: close\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\nX-A:  b \r\n\r\n", []string{":status", "204", "x-a", "b"}},
		{"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c\r\nSet-Cookie2: d\r\n\r\n", []string{":status", "200", "set-cookie", "a=b", "set-cookie", "c", "set-cookie2", "d"}},
		{"HTTP/1.1 200 OK\r\n" + long + "b: " + strings.Repeat("v", 5000) + "\r\nAge: 0\r\nEmpty:\r\n\r\n", []string{":status", "200", long + "b", strings.Repeat("v", 5000), "age", "0", "empty", ""}},
	} {
		if got := qpackFieldsOf(t, AppendQPACK(nil, []byte(c.text))); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if got := qpackFieldsOf(t, AppendQPACKLines(nil, []byte("X-Sum: 7\r\nx-b: \r\n"))); fmt.Sprint(got) != "[x-sum 7 x-b ]" {
		t.Errorf("trailers: %q", got)
	}
	for _, f := range qpackFields {
		if strings.HasPrefix(f.name, ":") {
			continue
		}
		want := []string{f.name, f.value}
		if got := qpackFieldsOf(t, AppendQPACKLines(nil, []byte(f.name+": "+f.value+"\r\n"))); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if block := AppendQPACKLines(nil, []byte("Set-Cookie: a\r\n")); block[2]&0xe0 != 0x60 {
		t.Errorf("Set-Cookie: %x, want that no table keeps it", block)
	}
}

// TestQPACKStatic: the static table is the one that quic-go has.
func TestQPACKStatic(t *testing.T) {
	for i, f := range qpackFields {
		block := appendInteger([]byte{0, 0}, qpackIndexed|qpackStatic, 6, i)
		if got := qpackFieldsOf(t, block); len(got) != 2 || got[0] != f.name || got[1] != f.value {
			t.Errorf("entry %d: %q, want %q", i, got, f)
		}
	}
}

func TestQPACKAllocations(t *testing.T) {
	block := qpackBlock(":method", "OPTIONS", ":scheme", "https", ":authority", "api.example", ":path", "/", "origin", "https://app.example",
		"access-control-request-method", "PUT", "user-agent", "Mozilla/5.0", "cookie", "a=1", "cookie", "b=2")
	text := []byte("HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://app.example\r\nVary: Origin\r\nX-Request-Id: 1\r\n\r\n")
	var h Head
	var out []byte
	if n := testing.AllocsPerRun(100, func() {
		h.Begin(qpackLimits, false)
		DecodeQPACK(block, &h, false)
		out = AppendQPACK(out[:0], text)
	}); n > 0 {
		t.Errorf("%v allocations a request, want none", n)
	}
}
