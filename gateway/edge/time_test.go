package edge_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// pipes is a listener of connections in memory, so that time can be synctest's.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// poolPause is longer than the time after which fasthttp's pool of goroutines sees that it was
// stopped.
const poolPause = 11 * time.Second

// TestDeadlines plays slow clients: each step is sent after its pause. What comes back, and after
// how long the connection ends, is exact but for the sixteenth by which a deadline may be early.
func TestDeadlines(t *testing.T) {
	opts := options()
	opts.Header, opts.Idle, opts.BodyIdle = 5*time.Second, 75*time.Second, 30*time.Second
	type step struct {
		pause  time.Duration
		octets string
	}
	f := func(name string, want string, after time.Duration, steps ...step) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := newPipes()
				l := edge.NewListener("test", ln)
				s := edge.NewServer(opts, echo, func(edgeFault, netip.Addr) {})
				served := make(chan error, 1)
				go func() { served <- s.Serve(l) }()
				c := ln.dial()
				go func() {
					for _, s := range steps {
						time.Sleep(s.pause)
						if _, err := io.WriteString(c, s.octets); err != nil {
							return
						}
					}
				}()
				start := time.Now()
				back, _ := io.ReadAll(c)
				took := time.Since(start)
				if got := strings.Join(statuses(string(back)), " "); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				if early := after - after/16; took < early || took > after {
					t.Errorf("the connection ended after %v, want from %v to %v", took, early, after)
				}
				l.Close()
				if err := s.Drain(context.Background()); err != nil {
					t.Error(err)
				}
				<-served
				time.Sleep(poolPause)
			})
		})
	}
	const sec = time.Second
	f("silence", "", 5*sec)
	f("idle after a request", "200", 76*sec, step{sec, next})
	f("a head that never ends", "408", 6*sec, step{sec, "GET / HT"})
	f("a head, octet by octet", "408", 6*sec, step{sec, "G"}, step{2 * sec, "E"}, step{2 * sec, "T"}, step{2 * sec, " "}, step{2 * sec, "/"})
	f("a second head that never ends", "200 408", 45*sec, step{0, next}, step{40 * sec, "GET /"})
	f("content that stops", "408", 32*sec, step{sec, "POST /" + host + "Content-Length: 9\r\n\r\nab"}, step{sec, "c"})
	f("content in two pieces", "200", 20*sec+75*sec, step{0, "POST /" + host + "Content-Length: 2\r\n\r\na"}, step{20 * sec, "b"})
	f("content in drops", "408", 30*sec, step{0, "POST /" + host + "Content-Length: 4\r\n\r\na"}, step{12 * sec, "b"}, step{12 * sec, "c"}, step{12 * sec, "d"})
	f("chunks in drops", "408", 30*sec, step{0, "POST /" + host + "Transfer-Encoding: chunked\r\n\r\n"}, step{12 * sec, "1\r\na\r\n"}, step{12 * sec, "1\r\nb\r\n"}, step{12 * sec, "0\r\n\r\n"})
	slow := strings.Repeat("s", 8000) // 16 seconds' worth
	f("content at a low rate", "200", 50*sec+75*sec, step{0, "POST /" + host + "Content-Length: 24000\r\n\r\n"}, step{25 * sec, slow}, step{12 * sec, slow}, step{13 * sec, slow})
	f("content at too low a rate", "408", 46*sec, step{0, "POST /" + host + "Content-Length: 24000\r\n\r\n"}, step{25 * sec, slow}, step{25 * sec, slow})
	f("content in chunks that stops", "408", 30*sec, step{0, "POST /" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nab"})
}

// TestWriteDeadline: a client that does not read is not waited for longer than body_idle.
func TestWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := options()
		opts.BodyIdle = 30 * time.Second
		ln := newPipes()
		l := edge.NewListener("test", ln)
		failed := make(chan error, 1)
		s := edge.NewServer(opts, func(c *edge.Conn) { failed <- c.Send(make([]byte, 1<<20)) }, func(edgeFault, netip.Addr) {})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		c := ln.dial()
		io.WriteString(c, next)
		start := time.Now()
		// It reads a little, which counts, and stops.
		time.Sleep(20 * time.Second)
		io.ReadFull(c, make([]byte, 64<<10))
		if err := <-failed; err == nil {
			t.Error("a response that nobody reads was sent")
		}
		if took := time.Since(start); took > 50*time.Second || took < 45*time.Second {
			t.Errorf("it took %v, want about 50s", took)
		}
		l.Close()
		if err := s.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
		time.Sleep(poolPause)
	})
}
