package wire_test

import (
	"io"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// decode feeds in to a decoder in pieces of step octets.
func decode(in []byte, step int) (content []byte, used int, done bool, fault *wire.Fault) {
	var c wire.Chunked
	for from := 0; from < len(in) && !c.Done(); {
		piece := in[from:min(from+step, len(in))]
		for len(piece) > 0 && !c.Done() {
			data, n, fault := c.Next(piece)
			if fault != nil {
				return nil, 0, false, fault
			}
			content = append(content, data...)
			piece = piece[n:]
			from += n
			used = from
		}
	}
	return content, used, c.Done(), nil
}

func checkChunked(t *testing.T, in string) {
	t.Helper()
	content, size, ok := slowChunks(in)
	_, _, _, first := decode([]byte(in), len(in)+1)
	for _, step := range []int{len(in) + 1, 1, 3} {
		got, used, done, fault := decode([]byte(in), step)
		if done != ok || fault != first || ok && (string(got) != content || used != size) {
			t.Fatalf("decode(%q, %d) = %q, %d, %t, %v, want %q, %d, %t, %v", in, step, got, used, done, fault, content, size, ok, first)
		}
	}
	if !ok {
		return
	}
	std, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(in)))
	if err != nil || string(std) != content {
		t.Fatalf("%q is accepted as %q, net/http reads %q, %v", in, content, std, err)
	}
	written := append(append(wire.AppendChunkSize(nil, len(content)), content...), "\r\n"+wire.LastChunk...)
	if len(content) == 0 {
		written = []byte(wire.LastChunk)
	}
	if again, used, done, fault := decode(written, 1); !done || fault != nil || used != len(written) || string(again) != content {
		t.Fatalf("%q, written again: %q, %v", in, again, fault)
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
