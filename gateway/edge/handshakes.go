package edge

import (
	"container/list"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

// This file bounds TLS handshakes over TCP; package h3 does so for QUIC. The rules are:
//
//   - they are computed on one processor fewer than there are, one after the other: the event
//     loops, which serve the clients that are connected, always have a processor; see turns.go;
//   - a handshake is under way from when its ClientHello is here. Before that it has cost
//     nothing, and is a silent connection like any other; see pressure.go;
//   - at most maxTLSHandshakes are under way, and half as many as there may be connections. A
//     newcomer waits for one to end, in the order in which they come. If one has made no
//     progress for handshakePatience, because its client does not continue, it ends to make
//     room: the one that has waited longest. When newcomers have waited for hurryAfter,
//     hurriedPatience is enough.
//
// What a client can hold for how long follows: a flood of clients that begin handshakes and do
// not end them delays others by a second at most while fewer than
// maxTLSHandshakes/hurriedPatience of them come in a second, which is more than a few
// processors can compute.

// Bounds of handshakes under way. A client answers within a round trip, but may lose a packet,
// or be busy itself: a herd of them that comes back after a restart is slow.
const (
	maxTLSHandshakes  = 4096
	handshakePatience = 2 * time.Second
	hurryAfter        = time.Second
	hurriedPatience   = 500 * time.Millisecond
	excusable         = 2 // how many times timeouts.header a handshake may wait for us, in addition to its client's time
)

// handshakes are those of a server that are under way.
type handshakes struct {
	turns turns

	mu      sync.Mutex
	open    int
	waiting list.List // of *handshake: those that wait for their client, the one that waits longest first
	queue   list.List // of *newcomer, the first that came first
	timer   *time.Timer
}

// A newcomer waits for its handshake to be one of those under way.
type newcomer struct {
	came  time.Time
	most  int
	enter chan struct{} // closed: it is
}

func newHandshakes() *handshakes {
	return &handshakes{turns: turns{free: max(1, runtime.GOMAXPROCS(0)-1)}}
}

// A handshake stands between crypto/tls and a socket: it has a turn except while it reads or writes.
type handshake struct {
	net.Conn
	c     *Conn
	of    *handshakes
	by    time.Time // for what the client does
	last  time.Time // for all
	most  int       // handshakes under way
	turn  bool
	begun bool // it has had a turn
	open  bool // it is under way

	fresh  Silence // before its ClientHello: drops do not make it younger
	header [5]byte // of the first record
	got    int     // bytes of it, and of what follows

	// Guarded by of.mu.
	in    *list.Element // of of.waiting; nil: it does not wait for the client
	since time.Time     // it does
	ended bool          // to make room
}

// begin begins a handshake on the socket of c, which must end before by; at most most handshakes are in flight.
func (s *handshakes) begin(c *Conn, by time.Time, most int) *handshake {
	last := by.Add(excusable * time.Until(by))
	return &handshake{Conn: c.socket, c: c, of: s, by: by, last: last, most: most, fresh: c.server.NewSilence(Fresh, time.Now())}
}

// enter makes h one of the handshakes under way, in its turn.
func (s *handshakes) enter(h *handshake) error {
	s.mu.Lock()
	if s.open < h.most && s.queue.Len() == 0 {
		s.open++
		s.mu.Unlock()
		return nil
	}
	n := &newcomer{time.Now(), h.most, make(chan struct{})}
	at := s.queue.PushBack(n)
	s.admit(n.came)
	s.mu.Unlock()
	late := time.NewTimer(time.Until(h.last))
	defer late.Stop()
	defer func() { h.excuse(time.Since(n.came)) }()
	select {
	case <-n.enter:
		return nil
	case <-late.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-n.enter:
		return nil
	default:
		s.queue.Remove(at)
		return os.ErrDeadlineExceeded
	}
}

// admit lets newcomers in as there is room, or makes room, or comes again when it can. Precondition: s.mu is held.
func (s *handshakes) admit(now time.Time) {
	for s.queue.Len() > 0 {
		first := s.queue.Front()
		n := first.Value.(*newcomer)
		if s.open < n.most {
			s.open++
			s.queue.Remove(first)
			close(n.enter)
			continue
		}
		slowest := s.waiting.Front()
		if slowest == nil {
			return // they wait for us: one will end, or begin to wait
		}
		patience := handshakePatience
		if now.Sub(n.came) >= hurryAfter {
			patience = hurriedPatience
		}
		h := slowest.Value.(*handshake)
		if left := patience - now.Sub(h.since); left > 0 {
			s.again(min(left, max(time.Millisecond, hurryAfter-now.Sub(n.came)+time.Millisecond), 100*time.Millisecond))
			return
		}
		s.waiting.Remove(slowest)
		h.in, h.ended = nil, true
		h.SetReadDeadline(time.Unix(1, 0)) // a dead socket shows at the read
		return                             // its end admits the newcomer
	}
}

// again has admit called after d. Precondition: s.mu is held.
func (s *handshakes) again(d time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(d, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.timer = nil
			s.admit(time.Now())
		})
	}
}

// end ends a handshake. It reports whether it was to make room.
func (h *handshake) end() (ended bool) {
	h.pause()
	s := h.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.open {
		h.open = false
		s.open--
		s.admit(time.Now())
	}
	return h.ended || h.c.displaced.Load()
}

// Read reads without a turn.
func (h *handshake) Read(p []byte) (int, error) {
	h.pause()
	h.await()
	n, err := h.Conn.Read(p)
	if n == 0 && err != nil && time.Now().After(h.by) && speaks(h.Conn) {
		h.Conn.SetReadDeadline(time.Now().Add(secondLook)) // a dead socket shows at the read
		n, err = h.Conn.Read(p)                            // see receive
	}
	h.resume()
	if err != nil {
		return n, err
	}
	if !h.open {
		if !h.greeted(p[:n]) {
			return n, nil
		}
		if err := h.of.enter(h); err != nil {
			return n, err
		}
		h.open = true
	}
	return n, h.proceed()
}

// greeted reports whether the client has sent a whole record by now, which its ClientHello is as a rule.
func (h *handshake) greeted(b []byte) bool {
	if h.got < len(h.header) {
		copy(h.header[h.got:], b)
	}
	h.got += len(b)
	return h.got >= len(h.header)+(int(h.header[3])<<8|int(h.header[4]))
}

// await notes that h waits for its client.
func (h *handshake) await() {
	if !h.open {
		h.c.silence.Store(int64(h.fresh))
		return
	}
	h.c.silent(Partial)
	s := h.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.since = time.Now(); !h.ended {
		h.in = s.waiting.PushBack(h)
	}
	if s.queue.Len() > 0 && s.timer == nil {
		s.admit(h.since)
	}
}

// resume notes that h does not wait any more.
func (h *handshake) resume() {
	h.c.spoke()
	s := h.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.in != nil {
		s.waiting.Remove(h.in)
		h.in = nil
	}
}

// Write writes without a turn: it may have to wait for the client, too.
func (h *handshake) Write(p []byte) (int, error) {
	h.pause()
	n, err := h.Conn.Write(p)
	if err != nil {
		return n, err
	}
	return n, h.proceed()
}

func (h *handshake) pause() {
	if h.turn {
		h.turn = false
		h.of.turns.give()
	}
}

// proceed waits for a turn.
func (h *handshake) proceed() error {
	began := time.Now()
	err := h.of.turns.take(!h.begun, h.last)
	h.turn = err == nil
	h.begun = true
	h.excuse(time.Since(began))
	return err
}

// excuse gives a client back the time in which it has waited for us.
func (h *handshake) excuse(waited time.Duration) {
	if waited < time.Millisecond {
		return
	}
	if h.by = h.by.Add(waited); h.by.After(h.last) {
		h.by = h.last
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if !h.ended {
		h.SetDeadline(h.by) // a dead socket shows at the read
	}
}
