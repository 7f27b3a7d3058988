package edge

import (
	"container/list"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// This file bounds TLS handshakes over TCP; quic.go does so for QUIC. The rules are:
//
//   - as many are computed at once as there are processors. The others wait for their turn, first come, first served: who is
//     only served a request does not have to wait for them all;
//   - maxHandshakes are under way, and no more than half as many as there may be connections. One more ends the one that
//     has waited for its client longest: who does finish takes a round trip or two, and a flood has that time only.

// handshakes are those of a server that are under way.
type handshakes struct {
	turns chan struct{} // has an element for each that is computed

	mu  sync.Mutex
	all list.List // of *handshake, the oldest first
}

func newHandshakes() *handshakes {
	return &handshakes{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// A handshake is one that is under way, as what passes for its socket: it has its turn but while it reads or writes.
type handshake struct {
	net.Conn
	of   *handshakes
	in   *list.Element
	by   time.Time
	turn bool

	waits atomic.Bool // for the client
	ended bool        // to make room
}

// begin begins a handshake on a socket, which is to end before by, and of which so many are to be under way at most.
func (s *handshakes) begin(nc net.Conn, by time.Time, most int) *handshake {
	h := &handshake{Conn: nc, of: s, by: by}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all.Len() >= most {
		s.makeRoom()
	}
	h.in = s.all.PushBack(h)
	return h
}

// makeRoom ends the handshake that has waited for its client longest. Those that wait for us are left alone.
// Precondition: s.mu is held.
func (s *handshakes) makeRoom() {
	for e := s.all.Front(); e != nil; e = e.Next() {
		if h := e.Value.(*handshake); h.waits.Load() && !h.ended {
			h.ended = true
			h.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // a dead socket shows at the read
			return
		}
	}
}

// end ends a handshake. It reports whether it was to make room.
func (h *handshake) end() (ended bool) {
	h.pause()
	s := h.of
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Remove(h.in)
	return h.ended
}

// Read reads without a turn.
func (h *handshake) Read(p []byte) (int, error) {
	h.pause()
	h.waits.Store(true)
	n, err := h.Conn.Read(p)
	h.waits.Store(false)
	if err != nil {
		return n, err
	}
	return n, h.goOn()
}

// Write writes without a turn: it may have to wait for the client, too.
func (h *handshake) Write(p []byte) (int, error) {
	h.pause()
	n, err := h.Conn.Write(p)
	if err != nil {
		return n, err
	}
	return n, h.goOn()
}

func (h *handshake) pause() {
	if h.turn {
		h.turn = false
		<-h.of.turns
	}
}

// goOn waits for a turn.
func (h *handshake) goOn() error {
	select {
	case h.of.turns <- struct{}{}:
		h.turn = true
		return nil
	default:
	}
	late := time.NewTimer(time.Until(h.by))
	defer late.Stop()
	select {
	case h.of.turns <- struct{}{}:
		h.turn = true
		return nil
	case <-late.C:
		return os.ErrDeadlineExceeded
	}
}
