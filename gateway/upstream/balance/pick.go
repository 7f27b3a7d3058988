package balance

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// A Method says by what one is chosen.
type Method uint8

// The methods. Each respects weights. OfTwo is the less busy of two drawn at random, which
// is nearly as even as asking all and does not herd; busy is the number of exchanges in flight,
// divided by the weight. Of two that are equally busy and have the same weight, OfTwo and
// LeastInFlight prefer the one that was used less recently; see drawRested.
const (
	OfTwo Method = iota
	RoundRobin
	LeastInFlight
	Hash // of a key of the exchange; one without a key goes by OfTwo
)

// Counts reports whether the method needs to know of each exchange: see Set.Began.
func (m Method) Counts() bool { return m == LeastInFlight || m == Hash }

// A Member is one that can be chosen. It is safe for concurrent use.
type Member struct {
	id       string // its place on a ring depends on it alone
	inFlight atomic.Int64
	slot     atomic.Int32 // its number in the Set, while it is in one
	used     atomic.Int64 // when it was used last, as time since began; 0: never
}

// began is what the times of members count from. They are compared only, and the system's clock, which can be set, has no
// part in it.
var began = time.Now()

// Init names m, before it is used. id tells members apart.
func (m *Member) Init(id string) { m.id = id }

// TryAdd adds an exchange unless there are most of them already. n is the number of others.
func (m *Member) TryAdd(most int64) (n int64, ok bool) {
	for {
		n := m.inFlight.Load()
		if n >= most {
			return n, false
		}
		if m.inFlight.CompareAndSwap(n, n+1) {
			return n, true
		}
	}
}

// Use notes that m was chosen at the time now. Callers that race may leave either time.
func (m *Member) Use(now time.Time) { m.used.Store(int64(now.Sub(began))) }

// Remove ends an exchange and returns how many are left.
func (m *Member) Remove() int64 { return m.inFlight.Add(-1) }

// InFlight returns how many exchanges are under way.
func (m *Member) InFlight() int { return int(m.inFlight.Load()) }

// Totals are what the sets of one upstream have in common, one after another. The zero value is ready.
type Totals struct {
	turn     atomic.Uint64 // of RoundRobin
	inFlight atomic.Int64  // exchanges at all members; counted for Hash only
}

// A Weighted is a member with its weight, which is positive.
type Weighted struct {
	Member *Member
	Weight int64
}

// A Set is those that may be chosen at one time. It is never written to: what changes makes
// another one. The zero value is empty; methods but Pick and Least need one that New has made.
type Set struct {
	by       Method
	totals   *Totals
	active   []entry
	weight   int64   // of all of them
	schedule []int32 // their numbers; see schedule
	ring     *ring   // for Hash only
	groups   *groups // for LeastInFlight only; the one thing that changes
}

// New returns the set of list, which it numbers from 0. It is to replace the one that is in use
// with t. points is the number of points that each unit of weight has on a ring; see Points.
// Settle is called when the set is in use.
func New(by Method, t *Totals, list []Weighted, points float64) Set {
	s := Set{by: by, totals: t}
	if len(list) == 0 {
		return s
	}
	s.active = make([]entry, len(list))
	weights := make([]int64, len(list))
	for i, m := range list {
		m.Member.slot.Store(int32(i))
		s.active[i] = entry{member: m.Member, weight: m.Weight}
		weights[i] = m.Weight
		s.weight += m.Weight
	}
	s.schedule = schedule(weights)
	switch by {
	case LeastInFlight:
		s.groups = newGroups(s.active)
		s.settleAll()
	case Hash:
		s.ring = newRing(s.active, points)
	}
	return s
}

// Settle recounts exchanges that began or ended while the set replaced another.
func (s *Set) Settle() {
	if s.groups != nil {
		s.settleAll()
	}
}

// Began notes that an exchange has begun at m, where n others are in flight. It is for methods that count.
func (s *Set) Began(m *Member, n int64) {
	if s.by == Hash {
		s.totals.inFlight.Add(1)
	} else {
		s.begun(m, n)
	}
}

// Ended notes that one has ended, which leaves n.
func (s *Set) Ended(m *Member, n int64) {
	if s.by == Hash {
		s.totals.inFlight.Add(-1)
	} else {
		s.ended(m, n)
	}
}

// A Choice is what Pick has to know of an exchange.
type Choice struct {
	Hash   uint64 // of the key, any that is evenly spread
	Hashed bool   // there is a key
	// Tried are those at which the exchange has failed: others come first.
	Tried []*Member
}

// HasTried reports whether the exchange has failed at m.
func (c *Choice) HasTried(m *Member) bool { return len(c.Tried) > 0 && slices.Contains(c.Tried, m) }

// Pick chooses an entry and returns its number, or -1 if the set is empty.
func (s *Set) Pick(c *Choice) int {
	switch len(s.active) {
	case 0:
		return -1
	case 1:
		return 0
	}
	if c.Hashed && s.ring != nil {
		if i := s.pickHash(c, s.totals.inFlight.Load()); i >= 0 {
			return i
		}
	} else if len(c.Tried) > 0 {
		if i := s.Least(func(i int) bool { return !c.HasTried(s.active[i].member) }); i >= 0 {
			return i
		}
	}
	switch s.by {
	case RoundRobin:
		return int(s.schedule[s.totals.turn.Add(1)%uint64(len(s.schedule))])
	case LeastInFlight:
		return s.pickLeast()
	}
	return s.pickOfTwo()
}

// An entry is a member with its weight of now.
type entry struct {
	member  *Member
	weight  int64
	inverse int64 // of the weight, times a constant; for LeastInFlight only
}

// draw returns the number of an entry at random, by weight.
func (s *Set) draw() int { return int(s.schedule[rand.IntN(len(s.schedule))]) }

// drawTwo draws one entry by weight, so that where nothing is in flight shares are as they
// should be, and another one evenly.
func (s *Set) drawTwo() (i, j int) {
	i = s.draw()
	if j = int(rand.Int32N(int32(len(s.active)) - 1)); j >= i {
		j++
	}
	return i, j
}

// pickOfTwo draws two entries and returns the less busy, or the one that has rested longer.
func (s *Set) pickOfTwo() int {
	i, j := s.drawTwo()
	a, b := &s.active[i], &s.active[j]
	x, y := a.member.inFlight.Load()*b.weight, b.member.inFlight.Load()*a.weight
	if x < y || x == y && !b.rested(a) {
		return i
	}
	return j
}

// drawRested is draw where nothing is known of the load: of two, the one that has rested longer.
// With a draw of one, a member of n is not among the next k picks with a probability of exp(-k/n);
// with this, 2/(1+exp(2k/n)): of 100 new members 300 picks leave out 0.5 instead of 5.
func (s *Set) drawRested() int {
	i, j := s.drawTwo()
	if s.active[j].rested(&s.active[i]) {
		return j
	}
	return i
}

// rested reports whether a should be preferred to b because it was used less recently. It holds only among equal weights:
// there it moves exchanges between members that have the same share, so that every share stays as it is.
func (a *entry) rested(b *entry) bool {
	return a.weight == b.weight && a.member.used.Load() < b.member.used.Load()
}

// Least returns the number of the least busy member of those that may be used, or -1; of equals
// it is one that is drawn by weight, or the next that may be used after it. It asks all, so it
// is for the rare cases.
func (s *Set) Least(may func(i int) bool) int {
	if len(s.active) == 0 {
		return -1
	}
	best, first := -1, s.draw()
	for k := range s.active {
		i := (first + k) % len(s.active)
		a := &s.active[i]
		if may(i) && (best < 0 || a.member.inFlight.Load()*s.active[best].weight < s.active[best].member.inFlight.Load()*a.weight) {
			best = i
		}
	}
	return best
}
