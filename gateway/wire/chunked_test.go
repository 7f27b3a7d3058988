package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

func TestChunked(t *testing.T) {
	f := func(in, want string, fault *wire.Fault) {
		t.Helper()
		got, _, done, why := decode([]byte(in), len(in)+1)
		if string(got) != want || why != fault || done != (fault == nil) {
			t.Errorf("decode(%.60q) = %q, %t, %v, want %q, %v", in, got, done, why, want, fault)
		}
		checkChunked(t, in)
	}
	bad := func(in string, fault *wire.Fault) { t.Helper(); f(in, "", fault) }

	// RFC 9112, section 7.1: chunk-size is 1*HEXDIG; a recipient must expect large ones and prevent overflow.
	f("5\r\nhello\r\n0\r\n\r\n", "hello", nil)
	f("a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n", "01234567890123456789", nil)
	f("0\r\n\r\nGET / HTTP/1.1", "", nil)
	f("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", nil)
	bad("00000000000000005\r\nhello", wire.FaultChunk)
	bad("10000000000000005\r\nhello", wire.FaultChunk)
	bad("ffffffffffffffff\r\nhello", wire.FaultChunkSize)
	for _, size := range []string{"", "g", "0x5", "+5", "-5", " 5", "5 ", "5\t", "5_", "5.0", ";a", "5\x00", "\r\n5"} {
		bad(size+"\r\nhello\r\n0\r\n\r\n", wire.FaultChunk)
	}
	// CRLF stands after the size and after the data.
	bad("5\nhello\r\n0\r\n\r\n", wire.FaultChunk)
	bad("5\rhello\r\n0\r\n\r\n", wire.FaultChunk)
	bad("5\r\r\nhello\r\n0\r\n\r\n", wire.FaultChunk)
	bad("5\r\nhello\n0\r\n\r\n", wire.FaultChunk)
	bad("5\r\nhello0\r\n\r\n", wire.FaultChunk)
	bad("5\r\nhelloXX\r\n0\r\n\r\n", wire.FaultChunk)
	bad("5\r\nhelloXX0\r\n\r\n", wire.FaultChunk)
	bad("5\r\nhel\r\n0\r\n\r\n", wire.FaultChunk)
	bad("0\n\n", wire.FaultChunk)

	// Section 7.1.1: extensions unknown to a recipient are ignored; their length is limited.
	f("5;a;b=c;d=\"e f;\\\"\t\xff\"\r\nhello\r\n0;a=b\r\n\r\n", "hello", nil)
	for _, ext := range []string{";", "; a", ";a =b", ";a= b", " ;a", ";a=", ";a=\"", ";a=\"b\"c", ";a=\"\x00\"", ";a=\"\\\x7f\"", ";a=\x01", ";a\rb", ";=b", ";a=\"\r\n"} {
		bad("5"+ext+"\r\nhello\r\n0\r\n\r\n", wire.FaultChunk)
	}
	f("5;"+strings.Repeat("e", 4091)+"\r\nhello\r\n0\r\n\r\n", "hello", nil)
	bad("5;"+strings.Repeat("e", 4092)+"\r\nhello\r\n0\r\n\r\n", wire.FaultChunkWaste)
	bad(strings.Repeat("1;"+strings.Repeat("e", 60)+"\r\na\r\n", 400), wire.FaultChunkWaste)
	honest := strings.Repeat("1\r\na\r\n", 1000)
	f(honest+"0\r\n\r\n", strings.Repeat("a", 1000), nil)

	// Section 7.1.2: trailer fields, dropped; section 5 says what a field line is.
	f("0\r\nA: b\r\nContent-Length: 9\r\nC:\r\n\r\n", "", nil)
	for _, trailer := range []string{"A : b", " A: b", "A", ": b", "A: \x00", "A: b\rc", "A: b\n"} {
		bad("0\r\n"+trailer+"\r\n\r\n", wire.FaultTrailer)
	}
	bad("0\r\nA: b\r\n\n", wire.FaultTrailer)
	bad("0\r\nA: b\r\n\rX", wire.FaultTrailer)
	bad("0\r\nA: "+strings.Repeat("b", 16<<10), wire.FaultTrailer)
	f("0\r\n"+strings.Repeat("A: b\r\n", 128)+"\r\n", "", nil)
	bad("0\r\n"+strings.Repeat("A: b\r\n", 129)+"\r\n", wire.FaultTrailer)
}

// What ends early is not done: the engines make a truncated message of it.
func TestChunkedTruncated(t *testing.T) {
	const in = "5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n"
	for i := range len(in) {
		if _, used, done, fault := decode([]byte(in[:i]), 2); done || used != i || fault != nil {
			t.Errorf("decode(%q) = %d, %t, %v", in[:i], used, done, fault)
		}
	}
}

func TestUnchunk(t *testing.T) {
	const in = "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nA: b\r\n\r\nGET /"
	// In place, and only counted.
	for _, inPlace := range []bool{true, false} {
		src := []byte(in)
		var dst []byte
		if inPlace {
			dst = src
		}
		size, used, d, fault := wire.Unchunk(dst, src)
		if size != 11 || used != len(in)-len("GET /") || !d.Done() || fault != nil {
			t.Errorf("Unchunk = %d, %d, %t, %v", size, used, d.Done(), fault)
		}
		if inPlace && string(src[:size]) != "hello world" || !bytes.HasSuffix(src, []byte("GET /")) {
			t.Errorf("Unchunk left %q", src)
		}
	}
	if size, used, d, fault := wire.Unchunk(nil, []byte("ff\r\nhello")); size != 5 || used != 9 || d.Done() || d.Left() != 250 || fault != nil {
		t.Errorf("Unchunk = %d, %d, left %d, %v", size, used, d.Left(), fault)
	}
	if _, _, _, fault := wire.Unchunk(nil, []byte("5\r\nhelloX")); fault != wire.FaultChunk {
		t.Errorf("Unchunk: %v, want %v", fault, wire.FaultChunk)
	}
}

func TestAppendChunkSize(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 15, 16, 17, 255, 256, 4096, 65535, 1<<31 - 1, math.MaxInt >> 7, math.MaxInt} {
		if got, want := string(wire.AppendChunkSize([]byte("x"), n)), fmt.Sprintf("x%x\r\n", n); got != want {
			t.Errorf("AppendChunkSize(%d) = %q, want %q", n, got, want)
		}
	}
}
