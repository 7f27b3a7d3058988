package edge_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// TestUnread: a client that does not read its response is reset when its time is over, so that nothing of it stays in the kernel.
func TestUnread(t *testing.T) {
	opts := options()
	opts.BodyIdle = 50 * time.Millisecond
	ln := loopback(t)
	accepted := make(chan bool)
	s := serve(t, opts, ln, func(c *edge.Conn) {
		close(accepted)
		c.Send(append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n"), make([]byte, 64<<20)...)) // it is cut
	})
	c := dial(t, ln)
	io.WriteString(c, next)
	<-accepted
	until(t, "its time is over", func() bool { return s.on.Open() == 0 })
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end: %v, want a reset", err)
	}
}

// TestDrainUnread: so is one that does not read when the server's time is over. One that has taken all sees a plain end.
func TestDrainUnread(t *testing.T) {
	ln := loopback(t)
	small, release := make(chan bool), make(chan bool)
	s := serve(t, options(), ln, func(c *edge.Conn) {
		if string(c.Request.Path) == "/small" {
			c.Send([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx")) // it shows
			small <- true
			<-release
			return
		}
		c.Send(append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n"), make([]byte, 64<<20)...)) // it is cut
	})
	large, little := dial(t, ln), dial(t, ln)
	io.WriteString(large, next)
	io.WriteString(little, "GET /small"+host+"\r\n")
	<-small
	for _, c := range []io.Reader{large, little} {
		if _, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"))); err != nil {
			t.Fatal(err)
		}
	}
	s.on.Close()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Drain(over); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
	close(release)
	if _, err := io.Copy(io.Discard, large); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end of one that does not read: %v, want a reset", err)
	}
	if n, err := io.Copy(io.Discard, little); n != 0 || err != nil {
		t.Errorf("the end of one that has read all: %d bytes, %v, want a plain end", n, err)
	}
}
