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

	// Section 7.1.2: trailer fields; section 5 says what a field line is.
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

func TestTrailers(t *testing.T) {
	f := func(section, want string) {
		t.Helper()
		in := "0\r\n" + section + "\r\n"
		for step := range 3 {
			if _, got, used, done, fault := decodeTrailed([]byte(in+"GET"), step+1); got != want || used != len(in) || !done || fault != nil {
				t.Errorf("decode(%.60q) in pieces of %d: %.60q, %d of %d, %t, %v, want %.60q", in, step+1, got, used, len(in), done, fault, want)
			}
		}
		checkChunked(t, in)
	}
	f("", "")
	f("A: b\r\n", "A: b\r\n")
	f("A:b\r\nc_d:\t e\tf \t\r\ng:\r\nh: \t\r\nA:\xff\r\n", "A: b\r\nc_d: e\tf\r\ng: \r\nh: \r\nA: \xff\r\n")
	// The bounds are those of what is kept, too: it is decoded again on the way.
	full := strings.Repeat("A:b\r\n", 127)
	value := strings.Repeat("v", 16<<10-2-127-len(full)-len("B: \r\n"))
	f(full+"B:"+value+"\r\n", strings.ReplaceAll(full, ":", ": ")+"B: "+value+"\r\n")
	if _, _, _, _, fault := decodeTrailed([]byte("0\r\n"+full+"B:"+value+"v\r\n\r\n"), 5); fault != wire.FaultTrailer {
		t.Errorf("a section that is too large when it is written again: %v", fault)
	}
}

func TestValidTrailers(t *testing.T) {
	f := func(lines, want string, fault *wire.Fault) {
		t.Helper()
		if got, why := wire.ValidTrailers([]byte(lines)); string(got) != want || why != fault {
			t.Errorf("ValidTrailers(%.60q) = %.60q, %v, want %.60q, %v", lines, got, why, want, fault)
		}
	}
	f("", "", nil)
	f("a: b\r\nc: d\r\n", "a: b\r\nc: d\r\n", nil)
	for _, bad := range []string{"a", "a: b", "a: b\r", "a: b\n", "a: b\r\n\r\n", "a: b\r\n\r\nGET / HTTP/1.1\r\n", "\r\n", "a b: c\r\n", ":status: 200\r\n", "a: \x00\r\n",
		strings.Repeat("a: b\r\n", 129), "a: " + strings.Repeat("b", 16<<10) + "\r\n"} {
		f(bad, "", wire.FaultTrailer)
	}
}

func TestMayTrail(t *testing.T) {
	f := func(name string, want bool) {
		t.Helper()
		if got := wire.MayTrail([]byte(name)); got != want {
			t.Errorf("MayTrail(%q) = %t, want %t", name, got, want)
		}
	}
	// RFC 9110, section 6.5.1, forbids what frames, routes, admits, or says what content is, and what the registry does not allow.
	never := []string{"Content-Length", "Transfer-Encoding", "Trailer", "TE", "Connection", "Keep-Alive", "Upgrade", "HTTP2-Settings", "Host", "Expect", "Max-Forwards",
		"Range", "If-Match", "If-None-Match", "If-Range", "If-Modified-Since", "Cache-Control", "Pragma", "Age", "Expires", "Date", "Vary", "Warning", "Retry-After",
		"Location", "Refresh", "Authorization", "Authentication-Info", "WWW-Authenticate", "Proxy-Authorization", "Proxy-Authenticate", "Proxy-Status", "Proxy", "Cookie",
		"Set-Cookie", "Set-Cookie2", "Content-Type", "Content-Encoding", "Content-Range", "Content-Location", "Content-Disposition", "Content-Security-Policy",
		// Sharing, and what browsers and proxies vouch for.
		"Origin", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers", "Access-Control-Request-Method", "Timing-Allow-Origin",
		"Cross-Origin-Resource-Policy", "Sec-Fetch-Site", "Sec-WebSocket-Key", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix",
		"X-Forwarded-User", "X-Real-IP", "X-Original-URL", "X-Rewrite-URL", "CF-Connecting-IP", "True-Client-IP", "Via", "X-Request-Id", "traceparent", "tracestate",
		// The gateway's own.
		"Alt-Svc", "RateLimit", "RateLimit-Policy", "Cors-Refused", "Strict-Transport-Security", "Priority"}
	for _, name := range never {
		f(name, false)
		f(strings.ToUpper(name), false)
		f(asciiLower(name), false)
		f(strings.ReplaceAll(name, "-", "_"), false)
		f(strings.ReplaceAll(name, "-", "."), false)
	}
	for _, name := range []string{"X-Checksum", "Grpc-Status", "grpc-message", "grpc-status-details-bin", "Server-Timing", "ETag", "Digest", "Repr-Digest", "Content-Digest", "X", "X_Sum",
		"Origins", "Contents", "X-Forwarded", "Secret", strings.Repeat("n", 200)} {
		f(name, true)
	}
	f("Content-Type"+strings.Repeat("x", 200), false)
}
