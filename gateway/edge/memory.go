package edge

import (
	"math/bits"
	"sync"
	"time"
)

// This file bounds the memory that is held for requests that are not all there, and gives it
// back when memory runs out: the largest of them end. Clients can have any number of them, of
// any size that the limits allow, for as long as the timeouts do; and nothing is lost with them
// but what has come so far. Those that have waited for their client for a moment only end last,
// and only to keep the bound.

// Requests that are not all there may hold heldMost of the memory limit; beyond that they end
// until they hold heldLess. That bound does not wait for the collector to find memory short: by
// then it has little room left, and collects without pause.
const (
	heldMost = 4 // the limit divided by this
	heldLess = 5
)

// youngest is the age from which on a request that is not all there may end to keep the bound.
// It allows for a round trip or two; at high rates, much can be held for requests that are
// younger than the moment that others are left.
const youngest = 100 * time.Millisecond

// Held says how much memory is held for requests that are not all there, by its size: Held[n]
// is the sum of what such requests hold of 2^(n-1) bytes and more, and less than 2^n.
type Held [40]int64

// Add notes that a request holds n bytes.
func (h *Held) Add(n int) {
	if n > 0 {
		h[min(bits.Len(uint(n)), len(h)-1)] += int64(n)
	}
}

// excess returns how much of it is too much with a limit on all memory, in bytes.
func (h *Held) excess(limit int64) int64 {
	sum := int64(0)
	for _, n := range h {
		sum += n
	}
	if sum <= limit/heldMost {
		return 0
	}
	return sum - limit/heldLess
}

// least returns what a request holds at least that is to end, so that the largest of them give back so many bytes.
func (h *Held) least(want int64) int {
	n := len(h) - 1
	for ; n > 1 && want > h[n]; n-- {
		want -= h[n]
	}
	return 1 << (n - 1)
}

// Relieve ends the largest requests that are not all there, until they give back so many bytes
// or there are none; more than that, if they hold more than a quarter of limit, which is the
// limit on all memory in bytes. It returns how many have ended, and what they held.
func (s *Server) Relieve(want, limit int64) (ended int, freed int64) {
	all := []Reliever{conns{s}, &s.ahead, &s.pipes}
	for _, h := range s.allHolders() {
		all = append(all, h)
	}
	var held Held
	for _, h := range all {
		h.Held(0, &held)
	}
	excess := held.excess(limit)
	ended, freed = relieve(all, moments[Partial], max(want, excess))
	if freed < excess {
		n, bytes := relieve(all, youngest, excess-freed)
		ended, freed = ended+n, freed+bytes
	}
	return ended, freed
}

// relieve ends the largest requests of an age or more, until they give back so many bytes or there are none.
func relieve(all []Reliever, age time.Duration, want int64) (ended int, freed int64) {
	if want <= 0 {
		return 0, 0
	}
	var held Held
	for _, h := range all {
		h.Held(age, &held)
	}
	least := held.least(want)
	for _, h := range all {
		if freed < want {
			n, bytes := h.Relieve(age, least, want-freed)
			ended, freed = ended+n, freed+bytes
		}
	}
	return ended, freed
}

// A Reliever holds requests that are not all there. Its methods are called by any goroutine,
// and may wait for another.
type Reliever interface {
	// Held adds what its requests hold that have waited for their client for so long or longer.
	Held(age time.Duration, h *Held)
	// Relieve ends requests of that age that hold least bytes or more, until they held most
	// bytes in all. It returns how many have ended, and what they held.
	Relieve(age time.Duration, least int, most int64) (ended int, freed int64)
}

// Held is part of Reliever.
func (s conns) Held(age time.Duration, h *Held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		h.Add(c.holds(age))
	}
}

// Relieve is part of Reliever.
func (s conns) Relieve(age time.Duration, least int, most int64) (ended int, freed int64) {
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

// holds returns how much the connection holds for a head that is not all there, if it has waited for so long.
func (c *Conn) holds(age time.Duration) int {
	if !c.server.Partial(Silence(c.silence.Load()), age) {
		return 0
	}
	return int(c.held.Load())
}

// Partial reports whether a silence is after part of a request, and has lasted for so long.
func (s *Server) Partial(v Silence, age time.Duration) bool {
	return v>>silenceKind == Partial && v.lasts(time.Since(s.born)) >= age
}

// ahead are the connections whose content is read ahead, by when that has begun.
type ahead struct {
	mu    sync.Mutex
	conns map[*Conn]time.Time
}

// BeginAhead notes that content is held while the client sends more of it, until EndAhead; Hold
// says how much. If memory runs out, the content fails with [FaultMemory].
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

// EndAhead notes that the held content no longer waits for the client.
func (c *Conn) EndAhead() {
	a := &c.server.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
	if c.relieved.Load() {
		c.closing = true // reads fail from now on
	}
}

// each calls f with each connection whose content has been read for so long, and with what it
// holds, until f returns false.
func (a *ahead) each(age time.Duration, f func(c *Conn, n int) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c, since := range a.conns {
		if n := int(c.held.Load()); n > 0 && time.Since(since) >= age && !f(c, n) {
			return
		}
	}
}

// Held is part of Reliever.
func (a *ahead) Held(age time.Duration, h *Held) {
	a.each(age, func(_ *Conn, n int) bool { h.Add(n); return true })
}

// Relieve is part of Reliever.
func (a *ahead) Relieve(age time.Duration, least int, most int64) (ended int, freed int64) {
	a.each(age, func(c *Conn, n int) bool {
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
