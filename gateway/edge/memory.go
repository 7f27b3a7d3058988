package edge

import (
	"math/bits"
	"sync"
	"time"
)

// This file gives memory back when it runs out: it ends those requests that are not all there, and hold most of it. Clients can
// have any number of them, of any size that the limits allow, for as long as the timeouts do; and nothing is lost with them
// but what has come so far. None ends that has waited for its client for a moment only.

// Held says how much memory is held for requests that are not all there, by its size: Held[n] is the sum of what such requests
// hold of 2^(n-1) bytes and more, and less than 2^n.
type Held [40]int64

// Add notes that a request holds n bytes.
func (h *Held) Add(n int) {
	if n > 0 {
		h[min(bits.Len(uint(n)), len(h)-1)] += int64(n)
	}
}

// least returns what a request holds at least that is to end, so that the largest of them give back so many bytes.
func (h *Held) least(want int64) int {
	n := len(h) - 1
	for ; n > 1 && want > h[n]; n-- {
		want -= h[n]
	}
	return 1 << (n - 1)
}

// Relieve ends the largest requests that are not all there, until they give back so many bytes or there are none. It returns how
// many have ended, and what they held.
func (s *Server) Relieve(want int64) (ended int, freed int64) {
	all := []Reliever{conns{s}, &s.ahead}
	for _, h := range s.allHolders() {
		all = append(all, h)
	}
	var held Held
	for _, h := range all {
		h.Held(&held)
	}
	least := held.least(want)
	for _, h := range all {
		if freed < want {
			n, bytes := h.Relieve(least, want-freed)
			ended, freed = ended+n, freed+bytes
		}
	}
	return ended, freed
}

// A Reliever holds requests that are not all there. Its methods are called by any goroutine, and may wait for another.
type Reliever interface {
	// Held adds what its requests hold, but for those that have waited for their client for a moment only.
	Held(h *Held)
	// Relieve ends requests that hold least bytes or more, until they held most bytes in all. It returns how many have ended,
	// and what they held.
	Relieve(least int, most int64) (ended int, freed int64)
}

// Held is part of Reliever.
func (s conns) Held(h *Held) {
	age := time.Since(s.born)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		h.Add(c.holds(age))
	}
}

// Relieve is part of Reliever.
func (s conns) Relieve(least int, most int64) (ended int, freed int64) {
	age := time.Since(s.born)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if freed >= most {
			break
		}
		v := c.silence.Load()
		if n := c.holds(age); n >= least && v != 0 && c.silence.CompareAndSwap(v, 0) {
			c.relieved.Store(true)
			c.makeRoom()
			ended, freed = ended+1, freed+int64(n)
		}
	}
	return ended, freed
}

// holds returns how much the connection holds for a head that is not all there, at an age of the server.
func (c *Conn) holds(age time.Duration) int {
	if v := Silence(c.silence.Load()); v>>silenceKind != Partial || !v.long(age) {
		return 0
	}
	return int(c.held.Load())
}

// ahead are the connections whose content is read ahead, by when that has begun.
type ahead struct {
	mu    sync.Mutex
	conns map[*Conn]time.Time
}

// BeginAhead notes that content is held of which a client sends more, until EndAhead; Hold says how much. If memory runs out, the
// content fails with [FaultMemory].
func (c *Conn) BeginAhead() {
	c.held.Store(0)
	a := &c.server.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conns == nil {
		a.conns = make(map[*Conn]time.Time)
	}
	a.conns[c] = time.Now()
}

// Hold notes that n bytes are held.
func (c *Conn) Hold(n int) { c.held.Store(int64(n)) }

// EndAhead notes that what is held is not held for the client any longer.
func (c *Conn) EndAhead() {
	a := &c.server.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
	if c.relieved.Load() {
		c.closing = true // reads fail from now on
	}
}

// each calls f with each connection, until that returns false, and with what it holds.
func (a *ahead) each(f func(c *Conn, n int) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c, since := range a.conns {
		if n := int(c.held.Load()); n > 0 && time.Since(since) >= moments[Partial] && !f(c, n) {
			return
		}
	}
}

// Held is part of Reliever.
func (a *ahead) Held(h *Held) {
	a.each(func(_ *Conn, n int) bool { h.Add(n); return true })
}

// Relieve is part of Reliever.
func (a *ahead) Relieve(least int, most int64) (ended int, freed int64) {
	a.each(func(c *Conn, n int) bool {
		if n >= least {
			delete(a.conns, c)
			c.relieved.Store(true)
			c.Interrupt()
			ended, freed = ended+1, freed+int64(n)
		}
		return freed < most
	})
	return ended, freed
}
