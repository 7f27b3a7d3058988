package h2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/http2/hpack"
)

const preflightAnswer = "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n" +
	"Access-Control-Allow-Methods: GET, POST, PUT, DELETE\r\nAccess-Control-Allow-Headers: authorization,content-type\r\n" +
	"Access-Control-Max-Age: 86400\r\nVary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n" +
	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"

// sameAnswer has text encoded, and compares what x/net's decoder reads with what wire's parser has.
func sameAnswer(t *testing.T, e *Encoder, d *hpack.Decoder, text string) (size int) {
	t.Helper()
	var r wire.Response
	if n, fault := r.Parse([]byte(text), wire.Limits{HeadBytes: 1 << 20, Fields: 1 << 10}); n == 0 || fault != nil {
		return 0
	}
	block := e.AppendHead(nil, []byte(text))
	fields, err := d.DecodeFull(block)
	if err != nil {
		t.Fatalf("%q: x/net: %v", text, err)
	}
	want := fmt.Sprintf(":status=%d", r.Status)
	for _, f := range r.Fields {
		switch name := strings.ToLower(string(f.Name)); name {
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		default:
			want += fmt.Sprintf(" %s=%s", name, f.Value)
		}
	}
	got := ""
	for i, f := range fields {
		if i > 0 {
			got += " "
		}
		got += f.Name + "=" + f.Value
	}
	if got != want {
		t.Fatalf("%q:\ngot  %q\nwant %q", text, got, want)
	}
	return len(block)
}

func TestEncode(t *testing.T) {
	var e Encoder
	e.Init()
	d := hpack.NewDecoder(tableSize, nil)
	first := sameAnswer(t, &e, d, preflightAnswer)
	again := sameAnswer(t, &e, d, preflightAnswer)
	if again > 40 {
		t.Errorf("the same answer again takes %d bytes, the first %d", again, first)
	}
	for _, status := range []int{100, 103, 200, 201, 204, 206, 304, 400, 404, 431, 500, 502} {
		sameAnswer(t, &e, d, fmt.Sprintf("HTTP/1.1 %d\r\nVary: Origin\r\n\r\n", status))
	}
	sameAnswer(t, &e, d, "HTTP/1.1 200 OK\r\nconnection: close\r\nX-Long-"+strings.Repeat("n", 300)+":v\r\nset-cookie: a=b\r\nempty:\r\nvary:\tx \r\n\r\n")
	// The table of the client fills, and nothing is evicted from it.
	for i := range 100 {
		sameAnswer(t, &e, d, fmt.Sprintf("HTTP/1.1 200 OK\r\nVary: %d\r\nCache-Control: max-age=%d\r\nx-%d: %d\r\n\r\n", i, i, i, i))
	}
	if got := sameAnswer(t, &e, d, preflightAnswer); got != again {
		t.Errorf("after others it takes %d bytes, before %d", got, again)
	}
	if e.n > encoderLines || e.room < 0 {
		t.Errorf("%d lines in the table, and room for %d bytes", e.n, e.room)
	}
	// A client that takes its table away, even in the middle.
	e.Limit(100)
	d.SetAllowedMaxDynamicTableSize(100)
	e.Limit(tableSize)
	if got := sameAnswer(t, &e, d, preflightAnswer); got < first {
		t.Errorf("without a table it takes %d bytes", got)
	}
	sameAnswer(t, &e, d, preflightAnswer)
}

// TestManners: the indexes of names are those of the static table.
func TestManners(t *testing.T) {
	for _, name := range strings.Fields("date content-length content-type vary access-control-allow-origin server cache-control content-encoding " +
		"strict-transport-security etag last-modified location allow www-authenticate set-cookie") {
		if i, _ := mannerOf([]byte(name)); i == 0 || staticFields[i-1].name != name {
			t.Errorf("%s has index %d", name, i)
		}
	}
	for _, name := range strings.Fields("connection keep-alive proxy-connection transfer-encoding upgrade") {
		if _, how := mannerOf([]byte(name)); how != connection {
			t.Errorf("%s is written", name)
		}
	}
}

// TestEncodeSecrets: nothing that a secret is part of is in a table, and what must not be kept says so.
func TestEncodeSecrets(t *testing.T) {
	var e Encoder
	e.Init()
	block := e.AppendHead(nil, []byte("HTTP/1.1 200 OK\r\nSet-Cookie: session=secret\r\nLocation: /?token=secret\r\nX-Token: secret\r\n\r\n"))
	if e.n != 0 {
		t.Errorf("%d lines in the client's table: %q", e.n, e.text)
	}
	if block[1] != 0x1f { // 0x10 with a prefix of four bits: never indexed
		t.Errorf("Set-Cookie is written as %#x", block[1])
	}
}

func TestEncodeTrailers(t *testing.T) {
	var e Encoder
	e.Init()
	d := hpack.NewDecoder(tableSize, nil)
	fields, err := d.DecodeFull(e.AppendLines(nil, []byte("Grpc-Status: 0\r\nvary: x\r\n")))
	if got := fmt.Sprint(fields, err); got != `[header field "grpc-status" = "0" header field "vary" = "x"] <nil>` || e.n != 0 {
		t.Errorf("trailers are %s", got)
	}
}

// FuzzEncode has any head that wire takes, over several answers of one connection.
func FuzzEncode(f *testing.F) {
	f.Add(preflightAnswer, "HTTP/1.1 200 OK\r\nVary:Origin\r\nA: b\r\n\r\n", false)
	f.Add("HTTP/1.0 599\r\nServer : x\r\n\r\n", "HTTP/1.1 304 \r\n\r\n", true)
	f.Fuzz(func(t *testing.T, a, b string, limited bool) {
		var e Encoder
		e.Init()
		d := hpack.NewDecoder(tableSize, nil)
		sameAnswer(t, &e, d, a)
		if limited {
			e.Limit(0)
			d.SetAllowedMaxDynamicTableSize(0)
		}
		for _, text := range []string{b, a, b} {
			sameAnswer(t, &e, d, text)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	dst := make([]byte, 0, 1024)
	text := []byte(preflightAnswer)
	run := func(name string, e *Encoder) {
		e.AppendHead(dst, text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.AppendHead(dst, text)
			}
		})
	}
	var indexed, off Encoder
	indexed.Init()
	run("again", &indexed)
	run("table=off", &off)
}
