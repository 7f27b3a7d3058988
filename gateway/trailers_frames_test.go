package gateway_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestTrailersWaitForWindows(t *testing.T) {
	const content = "0123456789abcdefghijklmno"
	for _, engine := range []string{secure, secureBlocking} {
		for window := range uint32(len(content) + 2) {
			d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n" + content + "\r\n0\r\nX-Sum: 7\r\n\r\n"})
			_, address := serveOn(t, engine, policy(d.url(), "ONE"))
			c := frames(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
			c.ask(1, true, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")
			var got []byte
			trailers, heads := "", 0
			decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) {
				if heads == 2 {
					trailers += f.Name + "=" + f.Value
				}
			})
			open := func() {
				if c.WriteWindowUpdate(1, 1); len(got) > len(content) {
					t.Fatal("more content than there is")
				}
			}
			if window == 0 {
				open()
			}
			for trailers == "" {
				f, err := c.ReadFrame()
				if err != nil {
					t.Fatalf("%s, window %d: after %q: %v", engine, window, got, err)
				}
				switch f := f.(type) {
				case *http2.DataFrame:
					if got = append(got, f.Data()...); f.StreamEnded() {
						t.Fatalf("%s, window %d: %q ends without trailers", engine, window, got)
					}
					if len(got) >= int(window) && len(got) < len(content) {
						open()
					}
				case *http2.HeadersFrame:
					heads++
					decoder.Write(f.HeaderBlockFragment())
					if f.StreamEnded() != (heads == 2) {
						t.Fatalf("%s, window %d: head %d ends the stream: %t", engine, window, heads, f.StreamEnded())
					}
				case *http2.SettingsFrame:
					if !f.IsAck() {
						c.WriteSettingsAck()
					}
				case *http2.RSTStreamFrame, *http2.GoAwayFrame:
					t.Fatalf("%s, window %d: %v", engine, window, f)
				}
			}
			if string(got) != content || trailers != "x-sum=7" {
				t.Errorf("%s, window %d: %q, %q", engine, window, got, trailers)
			}
			c.c.Close()
		}
	}
}

func TestLargeHeadElsewhere(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		_, address := serveOn(t, engine, policy("https://127.0.0.1:1", "ONE"))
		for what, more := range map[string][]string{
			"of a GET": {":method", "GET"}, "of a POST": {":method", "POST"}, "of NTLM": {":method", "GET", "authorization", "NTLM a"},
			"of a WebSocket": {":method", "CONNECT", ":protocol", "websocket"},
		} {
			c := frames(t, address)
			fields := append(more[:2:2], ":scheme", "https", ":path", "/", ":authority", "h")
			if more[1] == "CONNECT" {
				fields = append(fields, more[2:]...)
				more = more[:2]
			}
			fields = append(fields, more[2:]...)
			for range 20 {
				fields = append(fields, "x", strings.Repeat("b", 1000))
			}
			c.ask(1, more[1] != "CONNECT", fields...)
			if got := c.outcome(1); got != "431" {
				t.Errorf("%s, %s: %s, want 431", engine, what, got)
			}
			c.c.Close()
		}
	}
}

func TestTrailersUnannounced(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
		_, address := serveOn(t, engine, policy(d.url(), "ONE"))
		asked := 0
		for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 40000} {
			for _, announced := range []bool{false, true} {
				for _, sized := range []bool{false, true} {
					d.reset()
					asked++
					c := frames(t, address)
					fields := []string{":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h"}
					if sized {
						fields = append(fields, "content-length", fmt.Sprint(size))
					}
					if announced {
						fields = append(fields, "trailer", "x-sum")
					}
					c.ask(1, false, fields...)
					for rest := size; rest > 0; rest -= min(rest, 16<<10) {
						c.WriteData(1, false, bytes.Repeat([]byte{'x'}, min(rest, 16<<10)))
					}
					c.trail(1, asked, "x-sum", "7", "cookie", "a=b", "grpc-status", "0")
					if got := c.outcome(1); got != "200" {
						t.Errorf("%s, %d bytes: %s", engine, size, got)
					}
					c.c.Close()
					seen := strings.Join(d.requests(), "")
					passes := !sized || announced || size <= 16<<10
					if strings.Contains(seen, "\r\n0\r\nx-sum: 7\r\ngrpc-status: 0\r\n\r\n") != passes || strings.Contains(seen, "cookie") {
						t.Errorf("%s, %d bytes, sized: %t, announced: %t: the upstream sees %q…%q", engine, size, sized, announced, seen[:min(len(seen), 400)], seen[max(0, len(seen)-60):])
					}
					if length := fmt.Sprintf("\r\nContent-Length: %d\r\n", size); strings.Contains(seen, length) == passes {
						t.Errorf("%s, %d bytes, sized: %t, announced: %t: %q", engine, size, sized, announced, seen[:min(len(seen), 400)])
					}
				}
			}
		}
	}
}

func (f *framed) trail(id uint32, at int, fields ...string) {
	f.head.Reset()
	for i := 0; i < len(fields); i += 2 {
		f.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	block := f.head.Bytes()
	at %= len(block)
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:at], EndStream: true})
	f.WriteContinuation(id, true, block[at:])
}
