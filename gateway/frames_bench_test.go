package gateway

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// BenchmarkFrames is a preflight over HTTP/2, one of so many that come at once, so that the kernel is the least part of it.
func BenchmarkFrames(b *testing.B) {
	const atOnce = 60
	cfg, err := config.Parse("corsgate.toml", []byte(benchConfig))
	if err != nil {
		b.Fatal(err)
	}
	cfg.Listeners[0].Address, cfg.Listeners[0].H2C = "127.0.0.1:0", true
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	c, err := net.Dial("tcp", g.Addr(cfg.Listeners[0].Name))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		c.Close()
		if err := g.Shutdown(b.Context()); err != nil {
			b.Error(err)
		}
		<-served
	}()
	r := bufio.NewReader(c)
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	framer.WriteSettings()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	id := uint32(1)
	request := func() {
		block.Reset()
		for _, f := range [...][2]string{
			{":method", "OPTIONS"}, {":authority", "api.example.com"}, {":scheme", "https"}, {":path", "/api/users"},
			{"accept", "*/*"}, {"access-control-request-method", "DELETE"}, {"access-control-request-headers", "authorization"},
			{"origin", "https://myapp.com"}, {"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0"},
			{"sec-fetch-mode", "cors"}, {"sec-fetch-site", "cross-site"}, {"sec-fetch-dest", "empty"}, {"referer", "https://myapp.com/"},
			{"accept-encoding", "gzip, deflate, br"}, {"accept-language", "en"}, {"priority", "u=1, i"},
		} {
			encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
		id += 2
	}
	exchange := func(b *testing.B, octets []byte, n int) {
		if _, err := c.Write(octets); err != nil {
			b.Fatal(err)
		}
		for n > 0 {
			h, err := r.Peek(9)
			if err != nil {
				b.Fatal(err)
			}
			if h[3] == byte(http2.FrameHeaders) {
				n--
			}
			if _, err := r.Discard(9 + int(h[0])<<16 + int(h[1])<<8 + int(h[2])); err != nil && err != io.EOF {
				b.Fatal(err)
			}
		}
	}
	request()
	exchange(b, out.Bytes(), 1)
	out.Reset()
	for range atOnce {
		request()
	}
	octets := out.Bytes()
	size := len(octets) / atOnce
	id -= 2 * atOnce
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%atOnce > 0 {
			continue
		}
		for i := range atOnce {
			binary.BigEndian.PutUint32(octets[i*size+5:], id)
			id += 2
		}
		exchange(b, octets, atOnce)
	}
}
