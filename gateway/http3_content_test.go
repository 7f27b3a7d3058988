package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// A dialogue is a request that is under way: each octet that is sent comes back.

type dialogue struct {
	to   *io.PipeWriter
	from io.ReadCloser
}

// newDialogue begins a request to an upstream of echoing.

func newDialogue(t *testing.T, client http.RoundTripper, address string) dialogue {
	t.Helper()
	in, out := io.Pipe()
	r, _ := http.NewRequest("POST", "https://"+address+"/", in)
	go out.Write([]byte{'0'})
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	e := dialogue{out, res.Body}
	t.Cleanup(func() { out.Close(); res.Body.Close() })
	e.wants(t, '0')
	return e
}

func (e dialogue) wants(t *testing.T, octet byte) {
	t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(e.from, b[:]); err != nil || b[0] != octet {
		t.Fatalf("%q, %v, want %q", b, err, octet)
	}
}

// asks sends an octet and wants it back.

func (e dialogue) asks(t *testing.T, octet byte) {
	t.Helper()
	if _, err := e.to.Write([]byte{octet}); err != nil {
		t.Fatal(err)
	}
	e.wants(t, octet)
}

// ends ends the request and wants the end of the response.

func (e dialogue) ends(t *testing.T) {
	t.Helper()
	e.to.Close()
	if rest, err := io.ReadAll(e.from); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v, want the end", rest, err)
	}
}

// echoing is an upstream of echoes.

func echoing(t *testing.T) (url string) {
	return newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		control.Flush()
		var b [64]byte
		for {
			n, err := r.Body.Read(b[:])
			w.Write(b[:n])
			control.Flush()
			if err != nil {
				return
			}
		}
	}))
}

// withoutHTTP3 wants nobody to take QUIC connections at address.

// TestHTTP3Reload: HTTP/3 is switched on, off and on again, and moves, and TCP is left alone; requests under way end.

// TestHTTP3PortInUse: somebody else has the UDP port; nothing is served then.

// TestHTTP3HandedOver: another gateway takes the UDP socket over, and another one from that. Requests under way go on

// in the one that has them, new connections come to the last.

// TestHTTP3Certificates: clients get the certificate in force, and have to have one where client_ca says so.

// TestHTTP3Limits: connections count in all, and for their address, whatever they come by.

// TestHTTP3Idle: a connection on which no request is under way ends after timeouts.idle, whatever else its client

// does; one on which a request is does not.

// TestHTTP3Floods: a client that opens streams and resets them costs little, and is shown the door.

// TestHTTP3SlowReader: a client that takes no content loses the stream, not more.

// TestHTTP3SlowSender: content that does not come in time is answered so.

// TestHTTP3Large: contents larger than all windows, both ways.

func TestHTTP3Large(t *testing.T) {
	const size = 8 << 20
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			io.Copy(w, io.LimitReader(&counting{}, size))
			return
		}
		n, err := io.Copy(&checking{t: t}, r.Body)
		fmt.Fprint(w, n, err)
	}))
	_, address := serveOn(t, three, "[limits]\nbody_bytes = \"1GiB\"\n"+policy(url, "ONE"))
	client := http3Client(t)
	r, _ := http.NewRequest("GET", "https://"+address+"/", nil)
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(&checking{t: t}, res.Body); n != size || err != nil {
		t.Errorf("%d octets, %v", n, err)
	}
	res.Body.Close()
	if res := do(t, client, "PUT", "https://"+address+"/", io.LimitReader(&counting{}, size)); res.content != fmt.Sprint(size, nil) {
		t.Errorf("%q", res.content)
	}
}

// TestHTTP3ShutdownBound: what does not end in time is closed.

func TestHTTP3ShutdownBound(t *testing.T) {
	url := echoing(t)
	g, address := serveOn(t, three, policy(url, "ONE"))
	e := newDialogue(t, http3Client(t), address)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := io.ReadAll(e.from); err == nil {
		t.Error("a response that was cut looks whole")
	}
}
