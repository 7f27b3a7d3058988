package wire_test

import (
	"io"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// decode feeds in to a decoder in pieces of step bytes.
func decode(in []byte, step int) (content []byte, used int, done bool, fault *wire.Fault) {
	content, _, used, done, fault = decodeTrailed(in, step)
	return content, used, done, fault
}

// decodeTrailed is decode, and returns the trailer section too.
func decodeTrailed(in []byte, step int) (content []byte, trailers string, used int, done bool, fault *wire.Fault) {
	var c wire.Chunked
	for from := 0; from < len(in) && !c.Done(); {
		piece := in[from:min(from+step, len(in))]
		for len(piece) > 0 && !c.Done() {
			data, n, fault := c.Next(piece)
			if fault != nil {
				return nil, "", 0, false, fault
			}
			content = append(content, data...)
			piece = piece[n:]
			from += n
			used = from
		}
	}
	if c.Done() {
		trailers = string(c.Trailers())
	}
	return content, trailers, used, c.Done(), nil
}

func checkChunked(t *testing.T, in string) {
	t.Helper()
	content, trailers, size, ok := slowChunks(in)
	_, _, _, first := decode([]byte(in), len(in)+1)
	for _, step := range []int{len(in) + 1, 1, 3} {
		got, lines, used, done, fault := decodeTrailed([]byte(in), step)
		if done != ok || fault != first || ok && (string(got) != content || lines != trailers || used != size) {
			t.Fatalf("decode(%q, %d) = %q, %q, %d, %t, %v, want %q, %q, %d, %t, %v", in, step, got, lines, used, done, fault, content, trailers, size, ok, first)
		}
	}
	if !ok {
		return
	}
	std, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(in)))
	if err != nil || string(std) != content {
		t.Fatalf("%q is accepted as %q, net/http reads %q, %v", in, content, std, err)
	}
	written := wire.AppendLastChunk(wire.AppendChunk(nil, []byte(content)), []byte(trailers))
	again, lines, used, done, fault := decodeTrailed(written, 1)
	if !done || fault != nil || used != len(written) || string(again) != content || lines != trailers {
		t.Fatalf("%q, written again: %q, %q, %v, want %q", in, again, lines, fault, trailers)
	}
	if valid, fault := wire.ValidTrailers([]byte(trailers)); fault != nil || string(valid) != trailers {
		t.Fatalf("ValidTrailers(%q) = %q, %v", trailers, valid, fault)
	}
	for rest := []byte(trailers); len(rest) > 0; {
		var line, name []byte
		line, name, rest = wire.CutTrailer(rest)
		if !wire.IsToken(name) || !strings.HasPrefix(string(line), string(name)+": ") || strings.Index(string(line), "\r\n") != len(line)-2 {
			t.Fatalf("CutTrailer of %q: %q, %q", trailers, line, name)
		}
	}
}

func FuzzChunked(f *testing.F) {
	for _, file := range []string{"requests.json", "responses.json"} {
		for _, v := range vectors(f, file) {
			if _, body, ok := strings.Cut(v.Raw, "\r\n\r\n"); ok && strings.Contains(asciiLower(v.Raw), "chunked") {
				f.Add(body)
			}
		}
	}
	f.Add("5;a=b;c=\"d\\\"\t;e\";f\r\nhello\r\n00;x\r\nA: b\r\nc:\r\n\r\n")
	f.Add(strings.Repeat("1;a=b\r\nx\r\n", 30) + "0\r\n\r\n")
	f.Add("0\r\nA:\t b \t\r\nB:\r\nC: \t \r\nd:e\r\n\r\n")
	f.Fuzz(checkChunked)
}

func FuzzHost(f *testing.F) {
	for _, h := range []string{"a.test:80", "[::1]:443", "[::ffff:1.2.3.4]", "a..b", "a.", "1.2.3.4", ":80", "a:", "a:65536", "[fe80::1%25lo]"} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, h string) {
		if got, want := wire.ValidHost([]byte(h)), slowValidHost(h); got != want {
			t.Fatalf("ValidHost(%q) = %t, want %t", h, got, want)
		}
	})
}

func FuzzIdentify(f *testing.F) {
	for name := range fieldIDs {
		f.Add(name)
	}
	f.Add("X-Forwarded-By")
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := wire.Identify([]byte(name)), slowIdentify(asciiLower(name)); got != want {
			t.Fatalf("Identify(%q) = %d, want %d", name, got, want)
		}
	})
}
