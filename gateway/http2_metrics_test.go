package gateway_test

import (
	"io"
	"net/http"
	"testing"

	"golang.org/x/net/http2"
)

// openStreams is the gauge of the streams of serveOn's listener.
const openStreams = `corsgate_streams{listener="http"}{protocol="HTTP/2.0"}`

// TestHTTP2Metrics: each thing that ends a stream or a connection before its time is counted where it belongs, and no
// stream is left in the gauge.
func TestHTTP2Metrics(t *testing.T) {
	for _, engine := range []string{secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) { countFrames(t, engine) })
	}
}

func countFrames(t *testing.T, engine string) {
	url := newUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	g, address := serveOn(t, engine, policy(url, "ONE"))
	request := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"}
	resets := func(by, code string) string {
		return `corsgate_http2_resets_total{by="` + by + `"}{code="` + code + `"}`
	}
	goAways := func(by, code string) string {
		return `corsgate_http2_goaways_total{by="` + by + `"}{code="` + code + `"}`
	}

	c := frames(t, address)
	defer c.c.Close()
	c.ask(1, true, request...)
	counted(t, g, openStreams, 1)
	c.WriteRSTStream(1, http2.ErrCodeCancel)
	counted(t, g, resets("client", "CANCEL"), 1)
	counted(t, g, openStreams, 0)
	c.ask(3, true, request...)
	c.WriteRSTStream(3, 0x12345)
	counted(t, g, resets("client", "unknown"), 1)
	counted(t, g, openStreams, 0) // on goroutines a stream is open until its handler has noticed
	c.ask(5, true, append(request, "connection", "close")...)
	counted(t, g, resets("gateway", "PROTOCOL_ERROR"), 1)
	for id := uint32(7); id < 7+2*102; id += 2 {
		c.ask(id, true, request...)
	}
	counted(t, g, `corsgate_http2_refused_streams_total`, 2)
	counted(t, g, resets("gateway", "REFUSED_STREAM"), 2)
	counted(t, g, openStreams, 100)
	c.WriteGoAway(0, http2.ErrCodeNo, nil)
	counted(t, g, goAways("client", "NO_ERROR"), 1)
	c.c.Close()
	counted(t, g, openStreams, 0)

	c = frames(t, address)
	defer c.c.Close()
	c.ask(1, true, request...)
	counted(t, g, openStreams, 1)
	go io.Copy(io.Discard, c.c.(io.Reader))
	for i := 0; i < 20_000 && c.WritePing(false, [8]byte{}) == nil; i++ {
	}
	counted(t, g, `corsgate_http2_floods_total{kind="ping"}`, 1)
	counted(t, g, goAways("gateway", "ENHANCE_YOUR_CALM"), 1)
	counted(t, g, openStreams, 0)

	c = frames(t, address)
	defer c.c.Close()
	c.WriteData(1, true, nil)
	counted(t, g, goAways("gateway", "PROTOCOL_ERROR"), 1)
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
}

// TestHTTP3Streams: those of HTTP/3 are in the gauge, too.
func TestHTTP3Streams(t *testing.T) {
	began, release := make(chan bool), make(chan bool)
	url := newUpstream(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { began <- true; <-release }))
	g, address := serveOn(t, three, policy(url, "ONE"))
	client := http3Client(t)
	done := make(chan error)
	go func() {
		r, _ := http.NewRequest("GET", "https://"+address+"/", nil)
		res, err := client.RoundTrip(r)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		done <- err
	}()
	<-began
	counted(t, g, `corsgate_streams{listener="http"}{protocol="HTTP/3.0"}`, 1)
	release <- true
	if err := <-done; err != nil {
		t.Error(err)
	}
	counted(t, g, `corsgate_streams{listener="http"}{protocol="HTTP/3.0"}`, 0)
}
