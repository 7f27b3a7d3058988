package balance

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Of a ring. An endpoint of average weight has pointsEach points: the shares of equal endpoints
// then differ by some 8 %, before the bound on their load.
const (
	pointsEach = 160
	maxPoints  = 1 << 17
)

// Points returns how many points each unit of weight has on a ring of all members, of which there are n. mean is the inverse of
// their mean weight.
func Points(mean float64, n int) float64 { return mean * min(pointsEach, maxPoints/float64(n)) }

// The load factor of consistent hashing with bounded loads is 5/4: an endpoint takes no more than
// 1.25 times its share of the exchanges in flight, and a key whose endpoint is that busy goes to
// the next on the ring. See Mirrokni, Thorup, Zadimoghaddam, arXiv 1608.01350.
const loadNum, loadDen = 5, 4

// A ring gives each key a member, and hardly any key another one when a member comes or
// goes. The points depend on the ids alone, so that gateways of one configuration agree.
type ring struct {
	hashes []uint64 // of the points, ascending
	owners []int32  // their members
	start  []int32  // for the first bits of a hash, the first point that is not before it
	shift  uint8
}

// newRing returns a ring of active. points is the number of points for each unit of weight.
func newRing(active []entry, points float64) *ring {
	type point struct {
		hash  uint64
		owner int32
	}
	var list []point
	for i, a := range active {
		name := append([]byte(a.member.id), ' ')
		for k := range max(1, int(points*float64(a.weight)+.5)) {
			list = append(list, point{xxhash.Sum64(strconv.AppendInt(name, int64(k), 10)), int32(i)})
		}
	}
	slices.SortFunc(list, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.owner, b.owner))
	})
	n := bits.Len(uint(len(list)))
	r := &ring{shift: uint8(64 - n), start: make([]int32, 1<<n)}
	next := 0
	for i, p := range list {
		r.hashes, r.owners = append(r.hashes, p.hash), append(r.owners, p.owner)
		for ; next <= int(p.hash>>r.shift); next++ {
			r.start[next] = int32(i)
		}
	}
	for ; next < len(r.start); next++ {
		r.start[next] = int32(len(list))
	}
	return r
}

// find returns the first point that is not before hash.
func (r *ring) find(hash uint64) int {
	i := int(r.start[hash>>r.shift])
	for i < len(r.hashes) && r.hashes[i] < hash {
		i++
	}
	if i == len(r.hashes) {
		return 0
	}
	return i
}

// pickHash returns the number of a key's member: the first on the ring, from the key's place on, that is
// not too busy and was not tried; or -1. total is the number of exchanges in flight.
func (s *Set) pickHash(c *Choice, total int64) int {
	r := s.ring
	i := r.find(c.Hash * 0x9e3779b97f4a7c15) // its high bits may have decided something before, such as a split
	for range r.hashes {
		owner := int(r.owners[i])
		a := &s.active[owner]
		n := max(a.member.inFlight.Load(), 0)
		if n*loadDen*s.weight < (total+1)*loadNum*a.weight && !c.HasTried(a.member) {
			return owner
		}
		if i++; i == len(r.owners) {
			i = 0
		}
	}
	return -1
}
