package h2

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func TestHuffman(t *testing.T) {
	// RFC 7541, appendix C, and every symbol.
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, s := range []string{"", "www.example.com", "no-cache", "custom-key", "custom-value", "302", "private", "https://www.example.com", string(all)} {
		coded := hpack.AppendHuffmanString(nil, s)
		if got, ok := appendHuffman([]byte("before"), coded); !ok || string(got) != "before"+s {
			t.Errorf("appendHuffman(%x) = %q, %t, want %q behind what was there", coded, got, ok, s)
		}
	}
	for _, bad := range []string{"\xff", "\xff\xff\xff\xff", "\x00\x00\x00\x3f\xff\xff\xff\xff", "\x1f\xff", "\x18"} {
		if got, ok := appendHuffman(nil, []byte(bad)); ok {
			t.Errorf("appendHuffman(%x) = %q, want it refused", bad, got)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
			if r.IntN(3) == 0 {
				b[i] |= 0xf8 // long codes
			}
		}
		sameHuffman(t, b)
	}
}

func sameHuffman(t *testing.T, b []byte) {
	t.Helper()
	got, ok := appendHuffman(nil, b)
	want, err := hpack.HuffmanDecodeToString(b)
	if ok != (err == nil) || ok && string(got) != want {
		t.Fatalf("appendHuffman(%x) = %q, %t, want %q, %v", b, got, ok, want, err)
	}
}

// FuzzHuffman compares the decoder with that of x/net.
func FuzzHuffman(f *testing.F) {
	f.Add([]byte("\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff")) // www.example.com
	f.Add([]byte("\xff\xff\xff\xfc"))                                 // the longest code
	f.Fuzz(sameHuffman)
}

func BenchmarkHuffman(b *testing.B) {
	src := hpack.AppendHuffmanString(nil, userAgent)
	dst := make([]byte, 0, 512)
	b.SetBytes(int64(len(userAgent)))
	for b.Loop() {
		dst, _ = appendHuffman(dst[:0], src)
	}
}
