package edge_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway/edge"
)

// TestDrain: idle connections end at once, busy ones after their response, which says so.
func TestDrain(t *testing.T) {
	ln := loopback(t)
	busy, release := make(chan struct{}), make(chan struct{})
	s := serve(t, options(), ln, func(c *edge.Conn) {
		if string(c.Request.Path) == "/busy" {
			close(busy)
			<-release
		}
		ignore(c)
	})
	idle, fresh, working := dial(t, ln), dial(t, ln), dial(t, ln)
	ask(t, idle, bufio.NewReader(idle))
	io.WriteString(working, "GET /busy"+host+"\r\n")
	<-busy
	s.on.Close()
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background()) }()
	for _, c := range []net.Conn{idle, fresh} {
		if back, _ := io.ReadAll(c); len(back) > 0 {
			t.Errorf("an idle connection got %q", back)
		}
	}
	select {
	case err := <-drained:
		t.Fatalf("drained while a request was under way: %v", err)
	default:
	}
	close(release)
	res, err := http.ReadResponse(bufio.NewReader(working), nil)
	if err != nil || !res.Close {
		t.Errorf("the busy one: %v, %v, want a response that ends the connection", res, err)
	}
	working.Close()
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
}

// TestDrainDeadline: what has not ended by then is closed.
func TestDrainDeadline(t *testing.T) {
	ln := loopback(t)
	busy := make(chan struct{})
	s := serve(t, options(), ln, func(c *edge.Conn) {
		close(busy)
		io.Copy(io.Discard, content{c}) // which never comes
	})
	c := dial(t, ln)
	io.WriteString(c, "POST /"+host+"Content-Length: 1\r\n\r\n")
	<-busy
	s.on.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v, want %v", err, context.Canceled)
	}
	if back, _ := io.ReadAll(c); len(back) > 0 {
		t.Errorf("%q", back)
	}
}

// TestDrainLosesNothing drains servers under load: each request is answered, or its connection
// had ended before it was read.
func TestDrainLosesNothing(t *testing.T) {
	for range 20 {
		ln := loopback(t)
		var mu sync.Mutex
		handled := 0
		s := serve(t, options(), ln, func(c *edge.Conn) {
			mu.Lock()
			handled++
			mu.Unlock()
			echo(c)
		})
		answered := make(chan int)
		const clients = 4
		for range clients {
			c := dial(t, ln)
			go func() {
				n := 0
				r := bufio.NewReader(c)
				for {
					// In two pieces: the drain may come between them.
					io.WriteString(c, "POST /"+host+"Content-Length: 3\r\n\r\n")
					io.WriteString(c, "abc")
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						break
					}
					body, err := io.ReadAll(res.Body)
					if err != nil || res.StatusCode != 200 {
						t.Errorf("%s %q %v", res.Status, body, err)
					}
					if n++; res.Close {
						break
					}
				}
				c.Close()
				answered <- n
			}()
		}
		for {
			mu.Lock()
			enough := handled > 50
			mu.Unlock()
			if enough {
				break
			}
			s.on.Addr() // another turn
		}
		s.on.Close()
		if err := s.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		total := 0
		for range clients {
			total += <-answered
		}
		if total != handled {
			t.Errorf("%d requests were handled, %d answered", handled, total)
		}
	}
}
