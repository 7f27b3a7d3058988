package edge

import (
	"encoding/binary"
	"sync"
	"time"
)

// This file ends HTTP/2 connections that are not in use. net/http tells clients to go when its whole server shuts down, or
// with a response; of one that is idle it knows only how long it may be. The rules are those of quicConn: the client is told
// (GOAWAY), what it has sent meanwhile is answered, and after the grace the connection ends.

// An h2Conn is what of a Conn is for HTTP/2.
type h2Conn struct {
	c *Conn

	mu     sync.Mutex
	active int         // requests under way
	served bool        // there was a request
	leaves bool        // GOAWAY was sent
	timer  *time.Timer // runs while no request is under way and the client was told to go; nil: it was not
}

// begin counts a request.
func (h *h2Conn) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active++
	h.served = true
	h.c.spoke()
	h.c.idle.Store(false)
	if h.timer != nil {
		h.timer.Stop()
	}
}

// end takes back one begin.
func (h *h2Conn) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.active--; h.active > 0 {
		return
	}
	if h.leaves {
		h.timer.Reset(h.grace())
		return
	}
	h.rest()
}

// rest notes that no request is under way.
func (h *h2Conn) rest() {
	if h.served {
		h.c.silent(Between)
	} else {
		h.c.silent(Fresh)
	}
	h.c.idle.Store(true)
}

func (h *h2Conn) grace() time.Duration { return time.Duration(h.c.server.grace.Load()) }

// goAwayFrame says that no further stream should be opened, and of none that it was not served: what is on its way will be.
// See RFC 9113, section 6.8.
var goAwayFrame = func() []byte {
	const length, kind, lastStream = 8, 7, 1<<31 - 1
	b := []byte{0, 0, length, kind, 0, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, lastStream)
	return binary.BigEndian.AppendUint32(b, 0)
}()

// goAway tells the client to go, once, if no request is under way. Then net/http writes nothing that it would come in between
// of; and no request begins meanwhile.
func (h *h2Conn) goAway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leaves || h.active > 0 {
		return
	}
	h.leaves = true
	h.c.spoke()
	h.c.idle.Store(false)
	h.timer = time.AfterFunc(h.grace(), h.expire)
	h.c.Conn.SetWriteDeadline(time.Now().Add(h.grace())) //nolint:errcheck // a dead socket shows at the write
	if _, err := h.c.Conn.Write(goAwayFrame); err == nil {
		h.c.Conn.SetWriteDeadline(time.Time{}) //nolint:errcheck // likewise
	}
}

// expire ends the connection, unless a request is under way.
func (h *h2Conn) expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.active == 0 {
		h.c.wake() // net/http then closes it
	}
}

// leaveNow tells the client to go, and ends the connection, unless a request is under way.
func (h *h2Conn) leaveNow() {
	h.goAway()
	h.expire()
}

// gone notes that the connection has ended.
func (h *h2Conn) gone() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
}
