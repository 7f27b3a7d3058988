package edge

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A slowClient makes handshakes with h by hand: it sends a ClientHello, and goes on when it is told to.
type slowClient struct {
	*handshake
	client net.Conn
	read   chan error // of its answer to our flight
}

var clientHello = append([]byte{22, 3, 1, 0, 4}, "ello"...)

// shake begins a handshake, of which at most most are to be under way; entered is closed when it is one of them.
func shake(s *handshakes, most int) (c *slowClient, entered chan struct{}) {
	ours, theirs := net.Pipe()
	conn := &Conn{socket: ours, server: &Server{born: time.Now().Add(-time.Hour)}}
	by := time.Now().Add(10 * time.Second)
	ours.SetDeadline(by)
	c = &slowClient{s.begin(conn, by, most), theirs, make(chan error, 1)}
	entered = make(chan struct{})
	go theirs.Write(clientHello)
	go func() {
		var b [64]byte
		if _, err := c.Read(b[:]); err != nil {
			c.read <- err
			return
		}
		close(entered)
		_, err := c.Read(b[:])
		c.read <- err
	}()
	synctest.Wait()
	return c, entered
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestHandshakesRoom: a newcomer waits, and the handshake that has made no progress longest ends for it; not before it has had
// the time that a client may need.
func TestHandshakesRoom(t *testing.T) {
	for _, x := range []struct {
		answers time.Duration // of the first client, after it began; 0: never
		enters  time.Duration // the newcomer, after it came
		ends    bool          // the first
	}{
		{900 * time.Millisecond, 800 * time.Millisecond, false},
		{0, hurryAfter, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newHandshakes()
			s.turns.free = 1
			first, in := shake(s, 2)
			time.Sleep(50 * time.Millisecond)
			second, in2 := shake(s, 2)
			if !isClosed(in) || !isClosed(in2) {
				t.Fatal("the first two have to wait")
			}
			time.Sleep(50 * time.Millisecond)
			came := time.Now()
			if x.answers > 0 {
				time.AfterFunc(x.answers-100*time.Millisecond, func() { first.client.Write([]byte("finished")) })
			}
			third, in3 := shake(s, 2)
			if isClosed(in3) {
				t.Error("the third does not wait")
			}
			err := <-first.read
			if ended := first.end(); ended != x.ends || (err != nil) != x.ends {
				t.Errorf("the first: %v, ended to make room: %v, want %v", err, ended, x.ends)
			}
			<-in3
			if took := time.Since(came); took < x.enters || took > x.enters+150*time.Millisecond {
				t.Errorf("the third has waited %v, want %v", took, x.enters)
			}
			for _, c := range []*slowClient{second, third} {
				c.client.Write([]byte("finished"))
				if err := <-c.read; err != nil || c.end() {
					t.Errorf("one that was quicker: %v, want that it goes on", err)
				}
			}
			if s.open != 0 || s.turns.free != 1 || s.waiting.Len()+s.queue.Len() > 0 {
				t.Errorf("%d are under way, %d turns are free, %d and %d wait", s.open, s.turns.free, s.waiting.Len(), s.queue.Len())
			}
			for _, c := range []*slowClient{first, second, third} {
				c.client.Close()
			}
		})
	}
}

// TestHandshakeHello: a ClientHello is complete when its record is, however it comes.
func TestHandshakeHello(t *testing.T) {
	for size := 1; size <= len(clientHello); size++ {
		h, n := &handshake{}, 0
		for piece := range slices.Chunk(clientHello, size) {
			n += len(piece)
			if got, want := h.greeted(piece), n == len(clientHello); got != want {
				t.Errorf("in pieces of %d: after %d bytes %v, want %v", size, n, got, want)
			}
		}
	}
	if h := (&handshake{}); !h.greeted(bytes.Repeat(clientHello, 2)) {
		t.Error("more than a record is not enough")
	}
}

// TestTurns: who goes on has its turn before who begins, each in the order in which they came; one that is late leaves.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := turns{free: 1}
		if err := s.take(true, time.Now()); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		wait := func(name string, begins bool, d time.Duration) {
			go func() {
				if s.take(begins, time.Now().Add(d)) != nil {
					name += " late"
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
			}()
			synctest.Wait()
		}
		wait("b1", true, time.Minute)
		wait("b2", true, time.Second)
		wait("g1", false, time.Minute)
		wait("b3", true, time.Minute)
		wait("g2", false, time.Minute)
		time.Sleep(2 * time.Second)
		for range 5 {
			s.give()
			synctest.Wait()
		}
		if want := []string{"b2 late", "g1", "g2", "b1", "b3"}; !slices.Equal(order, want) || s.free != 1 {
			t.Errorf("order %q, want %q; %d are free", order, want, s.free)
		}
	})
}
