//go:build linux

package loop_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// TestUnread: a client that does not read its response is reset when its time is over, so that nothing of it stays in the kernel.
func TestUnread(t *testing.T) {
	p := newPeer(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n") // it is cut
			io.CopyN(c, zeros{}, 64<<20)                                             // likewise
		}
	})
	r := begin(t, func(r *trial) { r.options.BodyIdle = 50 * time.Millisecond }, p.at())
	c, read := r.dial(t)
	write(t, c, "GET /up HTTP/1.1\r\nHost: h\r\n\r\n")
	until(t, "it has been accepted", func() bool { return p.conns.Load() == 1 })
	until(t, "its time is over", func() bool { return r.on.Open() == 0 })
	if _, err := io.Copy(io.Discard, read); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end: %v, want a reset", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
