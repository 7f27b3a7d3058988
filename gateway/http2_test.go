package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var majors = map[string]int{secure: 2, three: 3}

// http2Client returns a client that speaks HTTP/2 with gateways of serveOn(secure).
func http2Client(t testing.TB) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: authority(t).client(), Protocols: &protocols, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// multiplexed runs a test of what HTTP/2 and HTTP/3 have in common.
func multiplexed(t *testing.T, test func(t *testing.T, engine string)) {
	t.Run("HTTP/2", func(t *testing.T) { test(t, secure) })
	t.Run("HTTP/3", func(t *testing.T) { test(t, three) })
}

// multiplexedClient returns a client that speaks with gateways of serveOn(engine) what multiplexed is about.
func multiplexedClient(t *testing.T, engine string) http.RoundTripper {
	if engine == three {
		return http3Client(t)
	}
	return http2Client(t)
}

// TestCORSVectorsMultiplexed: what a policy decides does not depend on the version.
func TestCORSVectorsMultiplexed(t *testing.T) { multiplexed(t, playVectors) }

func playVectors(t *testing.T, engine string) {
	sent := 0
	for _, c := range readVectors[vectorCase](t, "cors/testdata/cors.json") {
		if c.Upstream.Status == 101 || c.Request.value("Connection") != "" || c.Request.value("Upgrade") != "" || len(c.Prior) > 0 {
			continue // there is no such thing in HTTP/2
		}
		t.Run(c.Name, func(t *testing.T) {
			d := newDouble(t, c.reply())
			_, address := serveOn(t, engine, c.config(t, d.url()))
			client := multiplexedClient(t, engine)
			r, err := http.NewRequestWithContext(t.Context(), c.Request.Method, "https://"+address+c.Request.Path, nil)
			if err != nil {
				return // the client cannot say it
			}
			if c.Request.Method == "" {
				r.Method = "GET"
			}
			r.Host = "api.example.net"
			if c.Request.Host != "" {
				r.Host = c.Request.Host
			}
			scheme := c.Request.Scheme
			if scheme == "" {
				scheme = "https"
			}
			r.Header["X-Forwarded-Proto"] = []string{scheme}
			for _, h := range c.Request.Headers {
				if strings.EqualFold(h[0], "Host") {
					r.Host = h[1]
					continue
				}
				r.Header.Add(h[0], h[1])
			}
			for range 2 {
				d.reset()
				res, err := client.RoundTrip(r)
				if err != nil {
					return // the client cannot say it
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.ProtoMajor != majors[engine] {
					t.Errorf("it came by %s", res.Proto)
				}
				c.Expect.Check(t, res.Proto, res, len(d.requests()) > 0)
				sent++
			}
		})
	}
	if sent < 200 {
		t.Errorf("only %d requests", sent)
	}
}

// TestMultiplexedStreams: content goes both ways as it comes, of known length and not.
func TestMultiplexedStreams(t *testing.T) { multiplexed(t, echoStreams) }

func echoStreams(t *testing.T, engine string) {
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	}))
	_, address := serveOn(t, engine, "[limits]\nbody_bytes = \"1GiB\"\n"+policy(url, "ONE"))
	client := multiplexedClient(t, engine)
	const size = 8 << 20
	for _, length := range []int64{size, -1} {
		r, _ := http.NewRequest("POST", "https://"+address+"/", io.LimitReader(&counting{}, size))
		r.ContentLength = length
		res, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(&checking{t: t}, res.Body); n != size || err != nil {
			t.Errorf("length %d: %d octets, %v, want %d", length, n, err, size)
		}
		res.Body.Close()
	}
	// An echo of one octet at a time.
	in, out := io.Pipe()
	r, _ := http.NewRequest("POST", "https://"+address+"/", in)
	go out.Write([]byte{0})
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if i > 0 {
			out.Write([]byte{byte(i)})
		}
		var b [2]byte
		if n, err := res.Body.Read(b[:]); n != 1 || b[0] != byte(i) || err != nil {
			t.Fatalf("octet %d: %v, %v", i, b[:n], err)
		}
	}
	out.Close()
	if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestMultiplexedCancel: a stream that the client resets ends the exchange with the upstream.
func TestMultiplexedCancel(t *testing.T) { multiplexed(t, cancelStreams) }

func cancelStreams(t *testing.T, engine string) {
	began, gone := make(chan bool), make(chan bool)
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begun" {
			io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
		}
		began <- true
		<-r.Context().Done()
		gone <- true
	}))
	g, address := serveOn(t, engine, policy(url, "ONE"))
	client := multiplexedClient(t, engine)
	for _, path := range []string{"/", "/begun"} {
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "https://"+address+path, nil)
		done := make(chan bool)
		go func() {
			if res, err := client.RoundTrip(r); err == nil {
				io.Copy(io.Discard, res.Body)
			}
			close(done)
		}()
		<-began
		cancel()
		<-gone
		<-done
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 1) // it goes on
}

// TestMultiplexedCut: a response that breaks off is a reset stream, and no text of ours is in it.
func TestMultiplexedCut(t *testing.T) { multiplexed(t, cutStreams) }

func cutStreams(t *testing.T, engine string) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", closes: true},
		reply{octets: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", closes: true},
		reply{octets: "HTTP/1.1 200 OK\r\n\r\nhello", closes: true})
	_, address := serveOn(t, engine, policy(d.url(), "ONE"))
	client := multiplexedClient(t, engine)
	for i, whole := range []bool{false, false, true} {
		r, _ := http.NewRequest("GET", "https://"+address+"/", nil)
		res, err := client.RoundTrip(r)
		var body []byte
		if err == nil {
			body, err = io.ReadAll(res.Body)
		}
		if err == nil && res.StatusCode == 502 && !whole {
			continue // it broke off before anything was sent
		}
		if (err == nil) != whole || !strings.HasPrefix("hello", string(body)) {
			t.Errorf("%d: %q, %v, whole: %t", i, body, err, whole)
		}
	}
}

// TestMultiplexedDrain: requests under way end, their clients are told to go, and new ones find no server.
func TestMultiplexedDrain(t *testing.T) { multiplexed(t, drainStreams) }

func drainStreams(t *testing.T, engine string) {
	began, release := make(chan bool), make(chan bool)
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began <- true
		<-release
		io.WriteString(w, "done")
	}))
	g, address := serveOn(t, engine, policy(url, "ONE"))
	client := multiplexedClient(t, engine)
	results := make(chan error, 3)
	for range 3 {
		go func() {
			r, _ := http.NewRequest("GET", "https://"+address+"/", nil)
			res, err := client.RoundTrip(r)
			if err == nil {
				var body []byte
				if body, err = io.ReadAll(res.Body); string(body) != "done" {
					err = fmt.Errorf("%q, %v", body, err)
				}
			}
			results <- err
		}()
		<-began
	}
	down := make(chan error)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { down <- g.Shutdown(ctx) }()
	for range 3 {
		release <- true
	}
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
}

// A framed connection is a client that chooses its frames.
type framed struct {
	*http2.Framer
	c    io.Closer
	mute bool // another goroutine writes: settings are not acknowledged
	head bytes.Buffer
	enc  *hpack.Encoder
	dec  *hpack.Decoder // of all responses: they share its table
}

func frames(t testing.TB, address string, settings ...http2.Setting) *framed {
	t.Helper()
	config := authority(t).client()
	config.NextProtos = []string{"h2"}
	c := overTLSWith(dialPlain(t, address), config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	f := &framed{Framer: http2.NewFramer(c, c), c: c}
	f.enc = hpack.NewEncoder(&f.head)
	io.WriteString(c, http2.ClientPreface)
	f.WriteSettings(settings...)
	return f
}

// ask opens a stream with a head of these fields.
func (f *framed) ask(id uint32, end bool, fields ...string) {
	f.head.Reset()
	for i := 0; i < len(fields); i += 2 {
		f.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head.Bytes(), EndStream: end, EndHeaders: true})
}

// outcome returns how a stream ended: its status, "reset CODE", "goaway CODE" or "closed".
func (f *framed) outcome(id uint32) string {
	status := ""
	if f.dec == nil {
		f.dec = hpack.NewDecoder(4096, nil)
	}
	decoder := f.dec
	decoder.SetEmitFunc(func(h hpack.HeaderField) {
		if h.Name == ":status" {
			status = h.Value
		}
	})
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			decoder.Write(frame.HeaderBlockFragment())
			if frame.StreamID == id {
				return status
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == id {
				return "reset " + frame.ErrCode.String()
			}
		case *http2.GoAwayFrame:
			return "goaway " + frame.ErrCode.String()
		case *http2.SettingsFrame:
			if !frame.IsAck() && !f.mute {
				f.WriteSettingsAck()
			}
		}
	}
}

// TestHTTP2Malformed: what cannot be said in HTTP/1.1 is not said to the upstream.
func TestHTTP2Malformed(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	_, address := serveOn(t, secure, "[limits]\nbody_bytes = \"1KiB\"\n"+policy(d.url(), "ONE"))
	usual := map[string]string{":method": "GET", ":scheme": "https", ":path": "/", ":authority": "h"}
	f := func(want string, content string, changes ...string) {
		t.Helper()
		c := frames(t, address)
		defer c.c.Close()
		var fields []string
		for _, name := range []string{":method", ":scheme", ":path", ":authority"} {
			value := usual[name]
			for i := 0; i < len(changes); i += 2 {
				if changes[i] == name {
					value = changes[i+1]
				}
			}
			if value != "-" {
				fields = append(fields, name, value)
			}
		}
		for i := 0; i < len(changes); i += 2 {
			if changes[i][0] != ':' || usual[changes[i]] == "" {
				fields = append(fields, changes[i], changes[i+1])
			}
		}
		c.ask(1, content == "", fields...)
		if content != "" {
			c.WriteData(1, true, []byte(content))
		}
		got := c.outcome(1)
		if want == "200" != (got == "200") || want != "" && !strings.Contains(want, got) {
			t.Errorf("%q %q: %s, want %s", changes, content, got, want)
		}
		for _, r := range d.requests() {
			if want != "200" && strings.Contains(r, "\r\n\r\n") {
				t.Errorf("%q: forwarded as %q", changes, r)
			}
		}
		d.reset()
	}
	const malformed = "400 reset PROTOCOL_ERROR"
	f("200", "")
	f("200", "", "accept", "a", "cookie", "a=1", "cookie", "b=2")
	f(malformed, "", ":method", "GET /admin HTTP/1.1")
	f(malformed, "", ":method", "G T")
	f("400", "", ":method", "G(T")
	f("405", "", ":method", "TRACE")
	f("", "", ":method", "CONNECT")
	f("", "", ":method", "")
	for _, path := range []string{"/a b", "/a#b", "/a\\b", "/\x7f", "*", "/%0d%0aX:%20y"} {
		f("400 reset PROTOCOL_ERROR", "", ":path", path)
	}
	f(malformed, "", ":path", "http://evil/")
	f(malformed, "", ":path", "foo")
	f(malformed, "", ":path", "")
	f(malformed, "", ":authority", "user@h")
	f("400", "", ":authority", "h:99999")
	f("400", "", ":authority", "a,b")
	f("400", "", ":authority", "-")
	f(malformed, "", ":scheme", "ftp")
	f(malformed, "", "connection", "close")
	f(malformed, "", "transfer-encoding", "chunked")
	f(malformed, "", "upgrade", "websocket")
	f(malformed, "", "te", "gzip")
	f("reset PROTOCOL_ERROR", "", "X-Upper", "a")
	f("reset PROTOCOL_ERROR", "", "a b", "a")
	f("reset PROTOCOL_ERROR", "", "x", "a\r\nb: c")
	f("reset PROTOCOL_ERROR", "", "x", "a\x00")
	f("reset PROTOCOL_ERROR", "", ":status", "200")
	f("417", "", "expect", "something")
	f(malformed, "", "content-length", "5")
	f(malformed, "hello", ":method", "POST", "content-length", "4")
	f("400 reset PROTOCOL_ERROR", "hello", ":method", "POST", "content-length", "6")
	f("400", "hello", ":method", "POST", "content-length", "5", "content-length", "5")
	f("400 reset PROTOCOL_ERROR", "hello", ":method", "POST", "content-length", "+5")
	f("400 reset PROTOCOL_ERROR", "hello", ":method", "POST", "content-length", "5, 5")
	f("200", "hello", ":method", "POST", "content-length", "5")
	f("200", "hello", ":method", "POST")
	f("413", strings.Repeat("a", 5000), ":method", "POST", "content-length", "5000")
	f("413 reset PROTOCOL_ERROR", "hello", ":method", "POST", "content-length", "5000")
	f("431", "", "x", strings.Repeat("a", 16000), "y", strings.Repeat("b", 1000))
}

// TestHTTP2Floods: clients that open streams and reset them, or never end a head, cost little and are shown the door.
func TestHTTP2Floods(t *testing.T) {
	var running, most atomic.Int64
	url := newUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), running.Add(1)))
		<-r.Context().Done()
		running.Add(-1)
	}))
	g, address := serveOn(t, secure, policy(url, "ONE"))
	reset := func() {
		c := frames(t, address)
		defer c.c.Close()
		c.mute = true
		ended := make(chan string, 1)
		go func() { ended <- c.outcome(0) }()
		for id := uint32(1); id < 200_000; id += 2 {
			c.ask(id, true, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")
			if c.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
				break
			}
		}
		if got := <-ended; got != "closed" && got != "goaway ENHANCE_YOUR_CALM" {
			t.Errorf("rapid reset: %s", got)
		}
	}
	reset()
	continuation := func() {
		c := frames(t, address)
		defer c.c.Close()
		c.mute = true
		ended := make(chan string, 1)
		go func() { ended <- c.outcome(1) }()
		c.head.Reset()
		c.enc.WriteField(hpack.HeaderField{Name: ":method", Value: "GET"})
		c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.head.Bytes()})
		for i := range 100_000 {
			c.head.Reset()
			c.enc.WriteField(hpack.HeaderField{Name: fmt.Sprint("x-", i), Value: strings.Repeat("a", 1000), Sensitive: true})
			if c.WriteContinuation(1, false, c.head.Bytes()) != nil {
				break
			}
		}
		if got := <-ended; got == "200" {
			t.Errorf("continuation flood: %s", got)
		}
	}
	continuation()
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
	for end := time.Now().Add(patience); running.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := running.Load(); n != 0 || most.Load() > 200 {
		t.Errorf("%d exchanges are still under way, of at most %d at once", n, most.Load())
	}
}

// TestHTTP2SlowReader: a client that never opens its window loses the stream, not more.
func TestHTTP2SlowReader(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + strings.Repeat("x", 5000)})
	_, address := serveOn(t, secure, "[timeouts]\nbody_idle = \"50ms\"\n"+policy(d.url(), "ONE"))
	for _, window := range []uint32{0, 100} {
		c := frames(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
		c.ask(1, true, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")
		if got := c.outcome(1); got != "200" {
			t.Errorf("window %d: %s", window, got)
		}
		if got := c.outcome(1); !strings.HasPrefix(got, "reset") && got != "closed" {
			t.Errorf("window %d: %s, want a reset", window, got)
		}
		c.c.Close()
	}
}
