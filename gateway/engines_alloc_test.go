package gateway

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
	"golang.org/x/net/http2/hpack"
)

// TestLoopAllocations is TestWholeAllocations for the event loop. It holds when every request is
// logged, too.
func TestLoopAllocations(t *testing.T) {
	up := answering(t)
	cfg, err := config.Parse("corsgate.toml", []byte(strings.Replace(benchConfig+logAll, "127.0.0.1:1", up, 1)))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listeners[0].Address, cfg.Listeners[0].H2C = "127.0.0.1:0", true
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.LogAccess(access.Destination{Out: io.Discard})
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	c, err := net.Dial("tcp", g.Addr(cfg.Listeners[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	f := func(name, head string, length int) {
		t.Helper()
		octets := []byte(head)
		for range 100 {
			roundTrip(t, c, r, octets, length)
		}
		if got := testing.AllocsPerRun(500, func() { roundTrip(t, c, r, octets, length) }); got > 0 {
			t.Errorf("%s: %v allocations, want none", name, got)
		}
	}
	f("preflight", preflightHead, 0)
	f("denied preflight", deniedHead, len("CORS preflight refused: origin-not-allowed\n"))
	f("forwarded", actualHead, 2)
	f("with content", strings.Replace(actualHead, "GET ", "POST ", 1)[:len(actualHead)-1]+"Content-Length: 5\r\n\r\nhello", 2)
	framedAllocations(t, g.Addr(cfg.Listeners[0].Name))
	c.Close()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served
}

// framedAllocations is the same over HTTP/2, for a connection that has done so before.
func framedAllocations(t *testing.T, address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	request := func(head string) []byte {
		block.Reset()
		lines := strings.Split(strings.TrimSpace(head), "\r\n")
		words := strings.Fields(lines[0])
		enc.WriteField(hpack.HeaderField{Name: ":method", Value: words[0]})
		enc.WriteField(hpack.HeaderField{Name: ":scheme", Value: "http"})
		enc.WriteField(hpack.HeaderField{Name: ":path", Value: words[1]})
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ":")
			if name = strings.ToLower(name); name == "host" {
				name = ":authority"
			}
			if name != "connection" {
				enc.WriteField(hpack.HeaderField{Name: name, Value: strings.TrimSpace(value)})
			}
		}
		b := []byte{0, byte(block.Len() >> 8), byte(block.Len()), 1, 5, 0, 0, 0, 0}
		return append(b, block.Bytes()...)
	}
	io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00") // a dead socket shows at the read
	r := bufio.NewReader(c)
	var header [9]byte
	id := uint32(1)
	ask := func(b []byte) {
		binary.BigEndian.PutUint32(b[5:], id)
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		for end := false; !end; {
			if _, err := io.ReadFull(r, header[:]); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Discard(int(header[1])<<8 | int(header[2])); err != nil {
				t.Fatal(err)
			}
			end = header[3] <= 1 && header[4]&1 != 0 && binary.BigEndian.Uint32(header[5:]) == id
		}
		id += 2
	}
	for name, head := range map[string]string{"preflight": preflightHead, "forwarded": actualHead} {
		ask(request(head))
		again := request(head)
		for range 100 {
			ask(again)
		}
		if got := testing.AllocsPerRun(500, func() { ask(again) }); got > 0 {
			t.Errorf("%s over HTTP/2: %v allocations, want none", name, got)
		}
	}
}
