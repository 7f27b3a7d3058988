//go:build linux

//lint:file-ignore SA1019 x/net's Transport is used for what net/http's has no way to say: extended CONNECT.

package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"

	"golang.org/x/net/http2"
)

// A socketFrame is a frame of a WebSocket. See RFC 6455, section 5.2.
type socketFrame struct {
	first   byte // FIN, RSV, opcode
	payload []byte
}

const (
	finBit                                            = 0x80
	opMore, opText, opBinary, opClose, opPing, opPong = 0, 1, 2, 8, 9, 10
)

// appendFrame appends f, masked if a client sends it.
func (f socketFrame) append(b []byte, masked bool) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	b = append(b, f.first)
	switch n := len(f.payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if !masked {
		return append(b, f.payload...)
	}
	key := [4]byte{1, 2, 3, 4}
	b = append(b, key[:]...)
	for i, c := range f.payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// readSocketFrame reads a frame, without its mask.
func readSocketFrame(r io.Reader) (f socketFrame, masked bool, err error) {
	var head [8]byte
	if _, err = io.ReadFull(r, head[:2]); err != nil {
		return f, false, err
	}
	f.first, masked = head[0], head[1]&0x80 != 0
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		_, err = io.ReadFull(r, head[:2])
		n = uint64(binary.BigEndian.Uint16(head[:]))
	case 127:
		_, err = io.ReadFull(r, head[:])
		n = binary.BigEndian.Uint64(head[:])
	}
	var key [4]byte
	if err == nil && masked {
		_, err = io.ReadFull(r, key[:])
	}
	if err != nil {
		return f, masked, err
	}
	f.payload = make([]byte, n)
	_, err = io.ReadFull(r, f.payload)
	if masked {
		for i := range f.payload {
			f.payload[i] ^= key[i%4]
		}
	}
	return f, masked, err
}

// echoServer is a WebSocket server as the Autobahn suite wants one: frames of messages come back as they are, a ping is answered by a pong,
// and a close frame by the same, and then the end.
func echoServer(c net.Conn, r io.Reader) {
	read := bufio.NewReader(r)
	for {
		f, masked, err := readSocketFrame(read)
		if err != nil || !masked {
			return
		}
		switch f.first & 0xf {
		case opPing:
			f.first = finBit | opPong
		case opPong:
			continue
		}
		if _, err := c.Write(f.append(nil, false)); err != nil || f.first&0xf == opClose {
			return
		}
	}
}

// A socket is a WebSocket over a stream of HTTP/2, by the client of x/net.
type socket struct {
	*bufio.Reader
	out *io.PipeWriter
}

func openSocket(t *testing.T, client *http2.Transport, address string) *socket {
	t.Helper()
	in, out := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "CONNECT", "https://"+address+"/", in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header[":protocol"] = []string{"websocket"}
	r.Header.Set("Origin", "https://myapp.com")
	r.Header.Set("Sec-WebSocket-Version", "13")
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 {
		t.Fatalf("the socket was refused: %s", res.Status)
	}
	s := &socket{bufio.NewReader(res.Body), out}
	hello := make([]byte, len("hello"))
	if _, err := io.ReadFull(s, hello); err != nil || string(hello) != "hello" {
		t.Fatalf("the tunnel begins with %q, %v, want hello", hello, err)
	}
	return s
}

// says sends frames in pieces of a size at most, 0 for all at once.
func (s *socket) says(piece int, frames ...socketFrame) {
	var b []byte
	for _, f := range frames {
		b = f.append(b, true)
	}
	if piece == 0 {
		piece = len(b)
	}
	for ; len(b) > 0; b = b[min(piece, len(b)):] {
		s.out.Write(b[:min(piece, len(b))])
	}
}

// hears checks that these frames come.
func (s *socket) hears(t *testing.T, what string, frames ...socketFrame) {
	t.Helper()
	for i, want := range frames {
		got, masked, err := readSocketFrame(s)
		if err != nil || masked || got.first != want.first || !bytes.Equal(got.payload, want.payload) {
			t.Fatalf("%s: frame %d is %#x with %d bytes, masked: %t, %v; want %#x with %d", what, i, got.first, len(got.payload), masked, err, want.first, len(want.payload))
		}
	}
}

// TestSocketsOverHTTP2: whatever WebSockets say passes both ways as it is: sizes, fragments, control frames between them, close codes;
// however it is cut into frames of HTTP/2. Several at once do not mix.
func TestSocketsOverHTTP2(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) {
			g, address := serveOn(t, engine, policy(webSockets(t, echoServer), "ONE"))
			client := &http2.Transport{TLSClientConfig: authority(t).client()}
			defer client.CloseIdleConnections()
			other := openSocket(t, client, address)
			echoSizes(t, client, address)
			echoFragments(t, client, address)
			echoCloses(t, client, address)
			other.says(0, socketFrame{finBit | opText, []byte("still here")})
			other.hears(t, "the other", socketFrame{finBit | opText, []byte("still here")})
			counted(t, g, openStreams, 1)
			counted(t, g, "corsgate_tunnels", 1)
			other.out.Close()
			if rest, err := io.ReadAll(other); len(rest) > 0 || err != nil {
				t.Errorf("after its end the other has %q, %v", rest, err)
			}
			counted(t, g, openStreams, 0)
			counted(t, g, "corsgate_tunnels", 0)
			counted(t, g, "corsgate_connections{listener=\"http\"}", 1)
		})
	}
}

func echoSizes(t *testing.T, client *http2.Transport, address string) {
	s := openSocket(t, client, address)
	defer s.out.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 124, 125, 126, 127, 128, 1000, 16383, 16384, 16385, 65535, 65536, 65537, 1 << 20} {
		for _, opcode := range []byte{opText, opBinary} {
			payload := make([]byte, size)
			for i := range payload {
				payload[i] = byte(r.Uint32())
			}
			f := socketFrame{finBit | opcode, payload}
			for _, piece := range []int{0, 1 + size/3} {
				go s.says(piece, f)
				s.hears(t, fmt.Sprintf("%d bytes in pieces of %d", size, piece), f)
			}
		}
	}
	f := socketFrame{finBit | opText, []byte("byte by byte")}
	go s.says(1, f)
	s.hears(t, "byte by byte", f)
}

func echoFragments(t *testing.T, client *http2.Transport, address string) {
	s := openSocket(t, client, address)
	defer s.out.Close()
	long := bytes.Repeat([]byte("fragment"), 4000)
	message := []socketFrame{{opText, []byte("a")}, {finBit | opPing, []byte("in between")}, {opMore, nil}, {opMore, long}, {finBit | opPong, []byte("unasked")}, {finBit | opMore, []byte("z")}}
	go s.says(1000, message...)
	s.hears(t, "fragments", message[0], socketFrame{finBit | opPong, []byte("in between")}, message[2], message[3], message[5])
	var pings, pongs []socketFrame
	for i := range 100 {
		payload := bytes.Repeat([]byte{byte(i)}, i)
		pings, pongs = append(pings, socketFrame{finBit | opPing, payload}), append(pongs, socketFrame{finBit | opPong, payload})
	}
	go s.says(0, pings...)
	s.hears(t, "a hundred pings", pongs...)
	reserved := socketFrame{finBit | 0x40 | opBinary, []byte("an extension's")}
	go s.says(0, reserved)
	s.hears(t, "a reserved bit, which is between the ends", reserved)
}

func echoCloses(t *testing.T, client *http2.Transport, address string) {
	for _, code := range []uint16{0, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999} {
		s := openSocket(t, client, address)
		f := socketFrame{finBit | opClose, nil}
		if code > 0 {
			f.payload = append(binary.BigEndian.AppendUint16(nil, code), "the reason"...)
		}
		go s.says(0, f)
		s.hears(t, fmt.Sprint("close code ", code), f)
		if rest, err := io.ReadAll(s); len(rest) > 0 || err != nil { // END_STREAM, and not a reset
			t.Errorf("after close code %d: %q, %v", code, rest, err)
		}
		s.out.Close()
	}
}
