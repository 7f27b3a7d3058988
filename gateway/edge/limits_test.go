package edge_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
)

type edgeFault = *wire.Fault

// ask sends next on an open connection and returns the response.
func ask(t testing.TB, c net.Conn, r *bufio.Reader) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, next); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	return res
}

// TestConnectionsPerIP: further connections of an address are closed, until one has ended.
func TestConnectionsPerIP(t *testing.T) {
	opts := options()
	opts.ConnectionsPerIP = 2
	ln := loopback(t)
	serve(t, opts, ln, ignore)
	first, second := dial(t, ln), dial(t, ln)
	ask(t, first, bufio.NewReader(first))
	ask(t, second, bufio.NewReader(second))
	if back, err := io.ReadAll(dial(t, ln)); len(back) > 0 || err != nil {
		t.Errorf("the third got %q, %v, want nothing", back, err)
	}
	first.CloseWrite()
	io.Copy(io.Discard, first)
	for { // its end is seen before it is counted
		third := dial(t, ln)
		io.WriteString(third, next)
		if _, err := http.ReadResponse(bufio.NewReader(third), nil); err == nil {
			return
		}
	}
}

// TestConnectionsInAll: further connections wait until one has ended.
func TestConnectionsInAll(t *testing.T) {
	opts := options()
	opts.Connections = 1
	ln := loopback(t)
	serve(t, opts, ln, ignore)
	first := dial(t, ln)
	ask(t, first, bufio.NewReader(first))
	second := dial(t, ln)
	io.WriteString(second, next)
	first.Close()
	if _, err := http.ReadResponse(bufio.NewReader(second), nil); err != nil {
		t.Errorf("the second: %v", err)
	}
}

// failing is a listener that lacks resources at first.
type failing struct {
	net.Listener
	mu   sync.Mutex
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
	}
	return f.Listener.Accept()
}

func TestAcceptErrorsPass(t *testing.T) {
	ln := &failing{Listener: loopback(t), errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ECONNABORTED, errors.New("unheard of")}}
	serve(t, options(), ln, ignore)
	c := dial(t, ln)
	ask(t, c, bufio.NewReader(c))
}

// TestTwoGoroutines: one reads the content while the handler responds, and is interrupted. It is
// the race detector that judges.
func TestTwoGoroutines(t *testing.T) {
	ln := loopback(t)
	serve(t, options(), ln, func(c *edge.Conn) {
		c.Continue()
		read := make(chan struct{})
		go func() {
			defer close(read)
			io.Copy(io.Discard, content{c})
		}()
		c.Send([]byte("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"))
		c.CloseAfter()
		c.Send([]byte("no"))
		c.Interrupt()
		<-read
		if !c.WillClose() {
			t.Error("the connection would go on after an interrupt")
		}
	})
	for _, head := range []string{
		"Content-Length: 1000", "Transfer-Encoding: chunked", "Content-Length: 1000\r\nExpect: 100-continue",
	} {
		for _, body := range []string{"", "1", "bad"} {
			c := dial(t, ln)
			fmt.Fprintf(c, "POST /%s%s\r\n\r\n%s", host, head, body)
			back, _ := io.ReadAll(c)
			list := statuses(string(back))
			if n := len(list); n == 0 || list[n-1] != "413" {
				t.Errorf("%q: %s", head, back)
			}
			c.Close()
		}
	}
}

// TestInterruptEndsTheConnection, also where little content is left, which would be drained.
func TestInterruptEndsTheConnection(t *testing.T) {
	ln := loopback(t)
	serve(t, options(), ln, func(c *edge.Conn) {
		c.Interrupt()
		if _, err := c.ReadContent(make([]byte, 1)); err == nil {
			t.Error("content was read after an interrupt")
		}
		answer(c, nil)
	})
	c := dial(t, ln)
	fmt.Fprintf(c, "POST /%sContent-Length: 3\r\n\r\n", host)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || !res.Close {
		t.Errorf("%v, %v, want a response that ends the connection", res, err)
	}
}
