package balance

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// This file finds the least busy of all members, for LeastInFlight. To ask all of them each time
// would take too long: entries stand in groups, and of each group it is written down which of its
// entries is the least busy, and how busy that is. A pick reads the written entries of the groups.
//
//   - An exchange that begins at the entry that is written down has its group looked through again;
//     at any other it changes nothing.
//   - One that ends is written down if its entry is now less busy than the written one.
//
// No lock is needed. The written number is never too large: a writer that raises it looks again
// after that, and a caller that has ended an exchange has counted that before. So of an end that the
// one has not seen, the other sees that it has to be written. It can be too little for a moment,
// if an exchange begins while another one's end is being written: the pick that meets it looks through
// the group. Picks that race may use an endpoint that was the least busy a moment ago.

// groups are the written numbers of the groups of entries of a set. There is a power of two of them, and
// the i-th has each entry whose number ends in the bits of i.
type groups struct {
	// Of each the cost of the least busy entry, plus its number less i. Costs are multiples of a number
	// that is larger than any entry's: all but mask.
	least []atomic.Int64
	mask  int64
}

// mostInFlight is how many exchanges may be in flight at an endpoint for costs not to overflow: more than
// a configuration can allow. Of n entries costs are in the right order as long as the number in flight times
// the square of the largest weight, after what weights have in common was taken out, is less than 1<<43/n.
const mostInFlight = 1 << 20

// newGroups puts active into groups, none of them empty. There are more of them than entries in one,
// because to look at a group is cheaper than to look at an entry. Nothing is written of them before settleAll.
func newGroups(active []entry) *groups {
	common := int64(0)
	for _, a := range active {
		common = GCD(common, a.weight)
	}
	number := bits.Len(uint(len(active)))
	g := &groups{make([]atomic.Int64, 1<<min(number-1, (number+3)/2)), 1<<number - 1}
	for i := range active {
		active[i].inverse = math.MaxInt64 / mostInFlight / (active[i].weight / common) &^ g.mask
	}
	return g
}

// cost says how busy an entry is: its exchanges in flight by its weight.
func (a *entry) cost() int64 { return a.member.inFlight.Load() * a.inverse }

// settle searches the group g and writes down the result, until that agrees with the written one.
func (s *Set) settle(g int) {
	known, active, step := &s.groups.least[g], s.active, len(s.groups.least)
	for {
		written, least := known.Load(), int64(math.MaxInt64)
		for i := g; i < len(active); i += step {
			least = min(least, active[i].cost()+int64(i-g))
		}
		if least == written {
			return
		}
		known.CompareAndSwap(written, least)
	}
}

// settleAll does so for all groups. It is called before s is in force, and again after: what was
// counted in between was written down in another set.
func (s *Set) settleAll() {
	for g := range s.groups.least {
		s.settle(g)
	}
}

// find returns the number of m's entry and its group. It reports false if it has none: it takes no
// exchanges at the moment, or the set is changing.
func (s *Set) find(m *Member) (i, g int, ok bool) {
	i = int(m.slot.Load())
	if i >= len(s.active) || s.active[i].member != m {
		return 0, 0, false
	}
	return i, i & (len(s.groups.least) - 1), true
}

// begun notes that an exchange has begun at m, where n others are in flight.
func (s *Set) begun(m *Member, n int64) {
	if i, g, ok := s.find(m); ok && s.groups.least[g].Load() == n*s.active[i].inverse+int64(i-g) {
		s.settle(g)
	}
}

// ended notes that one has ended, which leaves n.
func (s *Set) ended(m *Member, n int64) {
	i, g, ok := s.find(m)
	if !ok {
		return
	}
	known, cost := &s.groups.least[g], n*s.active[i].inverse
	for written := known.Load(); cost+s.groups.mask < written; written = known.Load() {
		known.CompareAndSwap(written, cost+int64(i-g))
	}
}

// pickLeast returns the number of the least busy member; of equals it is the one that drawRested returns if that is among
// them, else any.
func (s *Set) pickLeast() int {
	drawn, known, mask := s.drawRested(), s.groups.least, s.groups.mask
	for range known {
		least := lowest(known)
		if s.active[drawn].cost() <= least {
			break
		}
		i := int(least & mask)
		if s.active[i].cost() <= least {
			return i
		}
		s.settle(i & (len(known) - 1))
	}
	return drawn
}

// lowest returns the lowest written number, with the number of its group added. As a separate
// function it is compiled without a jump for each, half of which a processor would mispredict.
//
//go:noinline
func lowest(known []atomic.Int64) int64 {
	least := int64(math.MaxInt64)
	for g := range known {
		least = min(least, known[g].Load()+int64(g))
	}
	return least
}
