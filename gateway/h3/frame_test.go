package h3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/quic-go/quic-go/quicvarint"
)

func appendTestFrame(b []byte, kind uint64, payload string) []byte {
	return append(quicvarint.Append(quicvarint.Append(b, kind), uint64(len(payload))), payload...)
}

// events reads a stream as a request's is read: of HEADERS all, at most 20 bytes, of DATA what comes, of others nothing. It tells of everything
// that a caller sees, however it comes in pieces.
func events(src io.Reader, f *frameReader) string {
	f.reset(src)
	var out strings.Builder
	for {
		kind, err := f.next()
		if err != nil {
			fmt.Fprintf(&out, "end %v", err)
			return out.String()
		}
		fmt.Fprintf(&out, "%#x %d ", kind, f.left)
		switch kind {
		case frameHeaders:
			p, err := f.payload(20)
			fmt.Fprintf(&out, "%q ", p)
			if err != nil {
				fmt.Fprintf(&out, "end %v", err)
				return out.String()
			}
		case frameData:
			var content []byte
			for f.left > 0 {
				var b [7]byte
				n, err := f.read(b[:])
				content = append(content, b[:n]...)
				if err != nil {
					fmt.Fprintf(&out, "%q end %v", content, err)
					return out.String()
				}
			}
			fmt.Fprintf(&out, "%q ", content)
		}
	}
}

// A withEnd reads all at once, and the end with the last of it, as streams of QUIC do.
type withEnd struct{ b []byte }

func (r *withEnd) Read(p []byte) (int, error) {
	n := copy(p, r.b)
	if r.b = r.b[n:]; len(r.b) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// A hesitant reader lets a deadline pass before each byte.
type hesitant struct {
	b    []byte
	late bool
}

func (r *hesitant) Read(p []byte) (int, error) {
	if r.late = !r.late; r.late {
		return 0, os.ErrDeadlineExceeded
	}
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], r.b)
	r.b = r.b[n:]
	return n, nil
}

func TestFrames(t *testing.T) {
	join := func(kind uint64, payload string, more ...any) []byte {
		b := appendTestFrame(nil, kind, payload)
		for i := 0; i < len(more); i += 2 {
			b = appendTestFrame(b, uint64(more[i].(int)), more[i+1].(string))
		}
		return b
	}
	for _, c := range []struct {
		stream []byte
		want   string
	}{
		{nil, "end EOF"},
		{join(1, "head", 0, "content of some length", 0x21, "ignored", 0, "", 1, "trailers"),
			`0x1 4 "head" 0x0 22 "content of some length" 0x21 7 0x0 0 "" 0x1 8 "trailers" end EOF`},
		{join(1, strings.Repeat("a", 100), 0, "x"), `0x1 100 "` + strings.Repeat("a", 20) + `" 0x0 1 "x" end EOF`},
		{[]byte("\x40\x01\x80\x00\x00\x01ab"), `0x1 1 "a" end ` + errCut.Error()},
		{[]byte("\x00\x05abc"), `0x0 5 "abc" end ` + errCut.Error()},
		{[]byte("\x01\x05abc"), `0x1 5 "" end ` + errCut.Error()},
		{[]byte("\x21\x05abc"), `0x21 5 end ` + errCut.Error()},
		{[]byte("\x21"), `end ` + errCut.Error()},
		{[]byte("\x40"), `end ` + errCut.Error()},
		{[]byte("\x00\xff\xff\xff\xff\xff\xff\xff\xffab"), `0x0 4611686018427387903 "ab" end ` + errCut.Error()},
	} {
		for name, src := range map[string]io.Reader{
			"at once": bytes.NewReader(c.stream), "with the end": &withEnd{c.stream}, "byte by byte": iotest.OneByteReader(bytes.NewReader(c.stream)),
		} {
			if got := events(src, &frameReader{}); got != c.want {
				t.Errorf("%q, %s:\ngot  %s\nwant %s", c.stream, name, got, c.want)
			}
		}
	}
}

// TestFramesLate: a deadline loses nothing: what comes after it is read where the reader stands.
func TestFramesLate(t *testing.T) {
	stream := appendTestFrame(appendTestFrame(appendTestFrame(nil, 0x4021, "ignored"), frameHeaders, strings.Repeat("a", 70)), frameData, "b")
	f := frameReader{src: &hesitant{b: stream}}
	var got strings.Builder
	again := func(step func() error) {
		for errors.Is(step(), os.ErrDeadlineExceeded) {
		}
	}
	for range 3 {
		var kind uint64
		again(func() (err error) { kind, err = f.next(); return err })
		fmt.Fprintf(&got, "%#x %d ", kind, f.left)
		if kind != 0x4021 {
			again(func() error { p, err := f.payload(100); got.Write(p); return err })
		}
	}
	if want := "0x4021 7 0x1 70 " + strings.Repeat("a", 70) + "0x0 1 b"; got.String() != want {
		t.Errorf("%s, want %s", got.String(), want)
	}
}

// FuzzFrames: it does not matter how a stream comes in pieces, and a reader is as good as a new one after reset.
func FuzzFrames(f *testing.F) {
	f.Add(appendTestFrame(appendTestFrame(nil, 1, strings.Repeat("a", 3000)), 0, "b"))
	f.Add([]byte("\x40\x01\x80\x00\x00\x01ab\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		want := events(bytes.NewReader(stream), &frameReader{})
		used := &frameReader{}
		for name, src := range map[string]io.Reader{
			"with the end": &withEnd{stream}, "byte by byte": iotest.OneByteReader(bytes.NewReader(stream)), "by halves": iotest.HalfReader(bytes.NewReader(stream)),
		} {
			if got := events(src, used); got != want {
				t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
			}
		}
		if len(used.buf) > 2*firstRead {
			t.Errorf("a buffer of %d bytes", len(used.buf))
		}
	})
}
