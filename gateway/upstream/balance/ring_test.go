package balance

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// A point of the slow twin: a hash, and the member that it belongs to.
type twinPoint struct {
	hash  uint64
	owner int
}

// twinRing returns the points of a set without order.
func twinRing(s *Set) (list []twinPoint) {
	for i, h := range s.ring.hashes {
		list = append(list, twinPoint{h, int(s.ring.owners[i])})
	}
	return list
}

// twinOrder returns the points in the order in which a key at hash passes them.
func twinOrder(points []twinPoint, hash uint64) []twinPoint {
	list := slices.Clone(points)
	slices.SortStableFunc(list, func(a, b twinPoint) int {
		x, y := a.hash-hash, b.hash-hash // the way from hash on, around the ring
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return a.owner - b.owner
	})
	return list
}

// TestRingPoints: each member has points in proportion to its weight, at the hashes of its id and a number, and none has
// no points.
func TestRingPoints(t *testing.T) {
	c := newCrowd(Hash, 4, 2, 1, 1)
	counts := map[int]int{}
	for _, p := range twinRing(c.Set) {
		counts[p.owner]++
	}
	for i, w := range []int{4, 2, 1, 1} {
		if want := pointsEach * w / 2; counts[i] != want {
			t.Errorf("member %d of weight %d has %d points, want %d", i, w, counts[i], want)
		}
	}
	if !slices.Contains(c.ring.hashes, xxhash.Sum64String("192.0.2.3 79")) || slices.Contains(c.ring.hashes, xxhash.Sum64String("192.0.2.3 80")) {
		t.Error("the last point of 192.0.2.3 is not its 79th")
	}
	one := newCrowd(Hash, 1_000_000, 1)
	if !slices.Contains(one.ring.owners, 1) {
		t.Error("a member of little weight has no point")
	}
	if n := Points(1, 1<<20); n*(1<<20) > maxPoints {
		t.Errorf("a million members have %.0f points each", n)
	}
}

// TestRingTwin: the first point from a hash on is the one that a look at all points finds.
func TestRingTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		c := newCrowd(Hash, append(someWeights(r, 6), 1)...)
		points := twinRing(c.Set)
		hashes := []uint64{0, 1, math.MaxUint64, math.MaxUint64 - 1, 1 << 63}
		for range 50 {
			near := points[r.IntN(len(points))].hash
			hashes = append(hashes, r.Uint64(), near, near+1, near-1)
		}
		for _, h := range hashes {
			i := c.ring.find(h)
			got := twinPoint{c.ring.hashes[i], int(c.ring.owners[i])}
			if want := twinOrder(points, h)[0]; got != want {
				t.Fatalf("from %x on: %x, want %x", h, got, want)
			}
		}
	}
}

// TestPickHashTwin: a key's member is the first on its way that was not tried and has less than 5/4 of its share of the
// exchanges, with this one.
func TestPickHashTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 10 {
		weights := append(someWeights(r, 5), 1)
		c := newCrowd(Hash, weights...)
		points, total := twinRing(c.Set), int64(0)
		for _, w := range weights {
			total += w
		}
		inFlight := int64(0)
		for range 200 {
			choice := Choice{Hashed: true, Hash: r.Uint64N(4) * r.Uint64()}
			if r.IntN(4) == 0 {
				choice.Tried = []*Member{c.members[r.IntN(len(weights))]}
			}
			want := -1
			for _, p := range twinOrder(points, choice.Hash*0x9e3779b97f4a7c15) {
				bound := big.NewRat(5*(inFlight+1)*weights[p.owner], 4*total)
				busy := new(big.Rat).SetInt64(int64(c.members[p.owner].InFlight())).Cmp(bound) >= 0
				if !busy && !choice.HasTried(c.members[p.owner]) {
					want = p.owner
					break
				}
			}
			if got := c.pickHash(&choice, inFlight); got != want {
				t.Fatalf("weights %v, %d in flight: %d, want %d", weights, inFlight, got, want)
			}
			if want >= 0 {
				c.begin(want)
				inFlight++
			}
			if i := r.IntN(len(weights)); c.members[i].InFlight() > 0 && r.IntN(3) == 0 {
				c.end(i)
				inFlight--
			}
		}
	}
}

// TestHashBound: no member has more than 5/4 of its share of what is in flight, whatever the keys, and a key whose member
// has room again comes back to it.
func TestHashBound(t *testing.T) {
	for _, weights := range [][]int64{{1, 1, 1, 1}, {5, 2, 1}} {
		c, total := newCrowd(Hash, weights...), int64(0)
		for _, w := range weights {
			total += w
		}
		key := Choice{Hashed: true, Hash: 1}
		first := c.Pick(&key)
		for n := 1; n <= 1000; n++ {
			i := c.Pick(&key)
			c.begin(i)
			if most := math.Ceil(1.25 * float64(int64(n)*weights[i]) / float64(total)); c.members[i].InFlight() > int(most) {
				t.Fatalf("weights %v: %d of %d in flight are at member %d, want at most %v", weights, c.members[i].InFlight(), n, i, most)
			}
		}
		for i, m := range c.members {
			for m.InFlight() > 0 {
				c.end(i)
			}
		}
		if got := c.Pick(&key); got != first {
			t.Errorf("weights %v: the key is at member %d, and was at %d", weights, got, first)
		}
	}
}

// TestHashMoves: a member that leaves gives up its keys and no others move, and they return with it. Shares stay within a
// quarter of what weights say.
func TestHashMoves(t *testing.T) {
	const n = 20_000
	weights := []int64{1, 1, 2, 1, 1, 1, 4, 1, 1, 1}
	c := newCrowd(Hash, weights...)
	owners := func() []int {
		list := make([]int, n)
		for i := range list {
			list[i] = c.Pick(&Choice{Hashed: true, Hash: xxhash.Sum64String(string(rune(i)))})
		}
		return list
	}
	before := owners()
	counts := make([]float64, len(weights))
	for _, o := range before {
		counts[o]++
	}
	for i, w := range weights {
		if want := float64(n*w) / 14; math.Abs(counts[i]-want) > want/4 {
			t.Errorf("member %d has %.0f keys, want some %.0f", i, counts[i], want)
		}
	}
	last := len(weights) - 1
	c.replace(weights[:last])
	for i, o := range owners() {
		if o != before[i] && before[i] != last {
			t.Fatalf("key %d has moved from %d to %d", i, before[i], o)
		}
	}
	c.replace(weights)
	if !slices.Equal(owners(), before) {
		t.Error("keys have not come back")
	}
}
