package edge

import (
	"slices"
	"sort"
	"sync/atomic"
	"time"
)

// This file makes room when there are as many connections as there may be and one more waits. The rules are:
//
//   - the connection that has been silent longest ends: those that have sent nothing yet first,
//     then those between requests, then those whose request is not all there;
//   - none ends that has been silent for a moment only, nor one with a request under way, a
//     WebSocket, or a stream of content;
//   - only when there is no other, responses end their connection: their clients make room for each other.
//
// Several end at once, so that under pressure not all of them are looked at for each newcomer.
// An active client keeps its connection, however many come.

// A Silence says how long a connection has been silent, and after what: of two the lesser one
// ends first. 0: it is not silent.
type Silence int64

// What a connection has been silent after.
const (
	Fresh   = iota // nothing was sent yet, or all is over
	Between        // a response
	Partial        // part of a request
)

const silenceKind = 56 // the bit from which on a Silence says what it is after; below is since when, in microseconds of the server's life

// NewSilence returns the silence of a connection that has begun at a time.
func (s *Server) NewSilence(after int, since time.Time) Silence {
	return Silence(after)<<silenceKind | Silence(max(1, since.Sub(s.born).Microseconds()))
}

// moments are how long the silences last that are left alone, by what they are after. Data
// follow a connection, and the next request a response, within a round trip, if they are on
// their way already.
var moments = [...]time.Duration{Fresh: 250 * time.Millisecond, Between: 50 * time.Millisecond, Partial: time.Second}

// long reports whether the silence is more than a moment, so long after the server's birth.
func (s Silence) long(age time.Duration) bool { return s.lasts(age) >= moments[s>>silenceKind] }

// lasts returns for how long the silence has lasted, so long after the server's birth.
func (s Silence) lasts(age time.Duration) time.Duration {
	return age.Truncate(time.Microsecond) - time.Duration(s&(1<<silenceKind-1))*time.Microsecond
}

// Long reports whether a silence is more than a moment.
func (s *Server) Long(v Silence) bool { return v != 0 && v.long(time.Since(s.born)) }

// mostEnded bounds how many connections end at once.
const mostEnded = 128

// Silences are the longest of many.
type Silences struct {
	age  time.Duration // of the server
	most int
	list []Silence // the first to end first
	some bool      // there was one, long or not
}

// Add notes a silence.
func (q *Silences) Add(s Silence) {
	if s == 0 {
		return
	}
	q.some = true
	n := len(q.list)
	if !s.long(q.age) || n == q.most && s >= q.list[n-1] {
		return
	}
	at := sort.Search(n, func(i int) bool { return s < q.list[i] })
	if n < q.most {
		q.list = append(q.list, 0)
	}
	copy(q.list[at+1:], q.list[at:])
	q.list[at] = s
}

// A Holder holds connections that the server has admitted: an event loop. Its methods are
// called by any goroutine, and may wait for another.
type Holder interface {
	Reliever
	// Silent adds its silent connections.
	Silent(q *Silences)
	// EndSilent ends at most so many connections whose silence is not greater than until, and returns how many.
	EndSilent(until Silence, most int) int
	// Room says that there may be room for one more connection.
	Room()
}

// Hold has the server know of a holder.
func (s *Server) Hold(h Holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holders = append(s.holders, h)
}

func (s *Server) allHolders() []Holder {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.holders)
}

// pressure is the state of making room.
type pressure struct {
	works   atomic.Bool // room is being made
	crowded atomic.Bool // there was no connection to make room
	waiting atomic.Bool // a holder waits for room
	short   atomic.Bool // of descriptors, whatever the bound says
}

// UnderPressure reports whether connections are to end after their current response.
func (s *Server) UnderPressure() bool { return s.pressure.crowded.Load() }

// MakeRoom has silent connections end because another one waits: there are as many as there may
// be, or descriptors are short. It does not wait for that: Holder.Room tells when there may be
// room.
func (s *Server) MakeRoom(short bool) {
	s.pressure.waiting.Store(true)
	if short {
		s.pressure.short.Store(true)
	}
	if s.pressure.works.CompareAndSwap(false, true) {
		go func() {
			defer s.pressure.works.Store(false)
			s.endSilent()
		}()
	}
}

func (s *Server) endSilent() {
	full := s.Full()
	if !s.pressure.short.Swap(false) && !full {
		s.room() // there was room before
		return
	}
	all := append(s.allHolders(), conns{s})
	q := &Silences{age: time.Since(s.born), most: min(max(1, s.opts.Load().Connections/64), mostEnded)}
	for _, h := range all {
		h.Silent(q)
	}
	s.pressure.crowded.Store(!q.some && full)
	left := len(q.list)
	for _, h := range all {
		if left > 0 {
			left -= h.EndSilent(q.list[len(q.list)-1], left)
		}
	}
}

// room wakes a goroutine that waits for a connection to end, if there is one.
func (s *Server) room() {
	select {
	case s.admission.freed <- struct{}{}:
	default:
	}
	if s.pressure.waiting.Load() && s.pressure.waiting.CompareAndSwap(true, false) {
		s.pressure.crowded.Store(false)
		for _, h := range s.allHolders() {
			h.Room()
		}
	}
}

// conns are the connections that goroutines serve, as a Holder.
type conns struct{ *Server }

// Silent is part of Holder.
func (s conns) Silent(q *Silences) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		q.Add(Silence(c.silence.Load()))
	}
}

// EndSilent is part of Holder.
func (s conns) EndSilent(until Silence, most int) (ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if ended == most {
			break
		}
		if v := c.silence.Load(); v != 0 && Silence(v) <= until && !speaks(c.socket) && c.silence.CompareAndSwap(v, 0) {
			c.makeRoom()
			ended++
		}
	}
	return ended
}

// Room is part of Holder. Listeners learn it from the channel of the admission.
func (conns) Room() {}

// silent notes that the connection is silent from now on.
func (c *Conn) silent(after int) { c.silence.Store(int64(c.server.NewSilence(after, time.Now()))) }

// spoke notes that the connection is not silent any more.
func (c *Conn) spoke() { c.silence.Store(0) }

// makeRoom ends a silent connection. Precondition: the server's mutex is held, which await relies on.
func (c *Conn) makeRoom() {
	c.displaced.Store(true)
	switch {
	case c.carrier != nil:
		c.carrier.CloseIdle()
	default:
		c.idle.Store(false)
		c.socket.SetReadDeadline(time.Unix(1, 0)) // a dead socket shows at the read
	}
}
