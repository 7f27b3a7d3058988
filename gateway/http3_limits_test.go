package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func TestHTTP3Limits(t *testing.T) {
	dial := func(address string) (*quic.Conn, error) {
		config := authority(t).client()
		config.NextProtos = []string{"h3"}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := quic.DialAddr(ctx, address, config, nil)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { c.CloseWithError(0, "") })
		return c, nil
	}
	g, address := serveOn(t, three, "[limits]\nconnections = 2\n"+hello)
	tcp := http1Client(t)
	do(t, tcp, "GET", "https://"+address+"/", nil)
	c, err := dial(address)
	if err != nil {
		t.Fatal(err)
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 2)
	var refused *quic.TransportError
	if _, err := dial(address); !errors.As(err, &refused) || refused.ErrorCode != quic.ConnectionRefused {
		t.Errorf("a third connection: %v, want that it is refused", err)
	}
	c.CloseWithError(0, "")
	until(t, "there is room for another", func() bool { _, err := dial(address); return err == nil })

	g, address = serveOn(t, three, "[limits]\nconnections_per_ip = 1\n"+hello)
	if _, err := dial(address); err != nil {
		t.Fatal(err)
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
	c, err = dial(address)
	if err != nil {
		t.Fatal(err)
	}
	var closed *quic.ApplicationError
	if _, err := c.AcceptStream(t.Context()); !errors.As(err, &closed) || http3.ErrCode(closed.ErrorCode) != http3.ErrCodeExcessiveLoad {
		t.Errorf("a second connection of an address: %v", err)
	}
	counted(t, g, `corsgate_tls_handshake_errors_total{reason="address"}`, 1)
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
}

func TestHTTP3Idle(t *testing.T) {
	url := echoing(t)
	g, address := serveOn(t, three, "[timeouts]\nidle = \"3s\"\n"+policy(url, "ONE"))
	busy := newDialogue(t, http3Client(t), address)
	c := dialQUIC(t, address)
	s, err := c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte{1, 50, 0}) // the beginning of a head
	var closed *quic.ApplicationError
	if <-c.Context().Done(); !errors.As(context.Cause(c.Context()), &closed) || http3.ErrCode(closed.ErrorCode) != http3.ErrCodeNoError {
		t.Errorf("%v", context.Cause(c.Context()))
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
	busy.asks(t, '1')
	busy.ends(t)
}

func TestHTTP3Floods(t *testing.T) {
	var running, most atomic.Int64
	url := newUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-r.Context().Done()
		running.Add(-1)
	}))
	g, address := serveOn(t, three, policy(url, "ONE"))
	c := dialQUIC(t, address)
	head := headersFrame(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")
	for c.Context().Err() == nil {
		s, err := c.OpenStreamSync(t.Context())
		if err != nil {
			break
		}
		s.Write(head)
		s.Close()
		if running.Load() == 0 { // one has come as far as it goes
			time.Sleep(time.Millisecond)
		}
		s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	}
	<-c.Context().Done()
	var closed *quic.ApplicationError
	if cause := context.Cause(c.Context()); !errors.As(cause, &closed) || http3.ErrCode(closed.ErrorCode) != http3.ErrCodeExcessiveLoad {
		t.Errorf("%v", cause)
	}
	counted(t, g, `corsgate_malformed_total{class="resets"}`, 1)
	counted(t, g, `corsgate_connections{listener="http"}`, 0)
	until(t, "the upstream has no requests", func() bool { return running.Load() == 0 })
	if n := most.Load(); n > 200 {
		t.Errorf("%d exchanges at once", n)
	}
}

func TestHTTP3SlowReader(t *testing.T) {
	const size = 8 << 20 // more than the client's window
	gone := make(chan bool)
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			w.Write(make([]byte, size))
			<-r.Context().Done()
			close(gone)
		}
	}))
	_, address := serveOn(t, three, "[timeouts]\nbody_idle = \"100ms\"\n"+policy(url, "ONE"))
	client := http3Client(t)
	r, _ := http.NewRequest("GET", "https://"+address+"/large", nil)
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	<-gone // the gateway has given up
	if n, err := io.Copy(io.Discard, res.Body); err == nil || n == size {
		t.Errorf("%d octets, %v", n, err)
	}
	if res := do(t, client, "GET", "https://"+address+"/", nil); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

func TestHTTP3SlowSender(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	_, address := serveOn(t, three, "[timeouts]\nbody_idle = \"50ms\"\nheader = \"100ms\"\n"+policy(d.url(), "ONE"))
	c := dialQUIC(t, address)
	f := func(want string, octets ...byte) {
		t.Helper()
		s, err := c.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write(octets)
		if got := answered(s); got != want {
			t.Errorf("%q: %s, want %s", octets, got, want)
		}
	}
	post := headersFrame(":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h", "content-length", "5")
	f("408", append(post, dataFrame("he")...)...)
	f("408", append(post, dataFrame("hello")...)...) // the stream does not end
	f("reset H3_INCOMPLETE_REQUEST", headersFrame(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")...)
	f("reset H3_INCOMPLETE_REQUEST", 1, 50, 0) // the head does not come
	f("reset H3_INCOMPLETE_REQUEST", 0x21, 50) // nor does a frame that would be ignored
	f("reset H3_INCOMPLETE_REQUEST", 0x40)
	for _, r := range d.requests() {
		if strings.Contains(r, "\r\n\r\n") {
			t.Errorf("forwarded: %q", r)
		}
	}
}
