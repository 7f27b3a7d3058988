package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A crowd is a set of members, with what an upstream does for them.
type crowd struct {
	*Set
	by      Method
	totals  *Totals
	members []*Member
	points  float64 // of all members, those that cannot be chosen included
}

func newCrowd(by Method, weights ...int64) *crowd {
	c, sum := &crowd{by: by, totals: new(Totals)}, int64(0)
	for i, w := range weights {
		m := new(Member)
		m.Init(fmt.Sprint("192.0.2.", i))
		c.members, sum = append(c.members, m), sum+w
	}
	c.points = Points(float64(len(weights))/float64(max(1, sum)), max(1, len(weights)))
	c.replace(weights)
	return c
}

// replace makes the first members those that can be chosen, with these weights.
func (c *crowd) replace(weights []int64) {
	list := make([]Weighted, len(weights))
	for i, w := range weights {
		list[i] = Weighted{c.members[i], w}
	}
	s := New(c.by, c.totals, list, c.points)
	c.Set = &s
	s.Settle()
}

// begin adds an exchange to the member i, and end ends one.
func (c *crowd) begin(i int) {
	if n, ok := c.members[i].TryAdd(math.MaxInt64); ok && c.by.Counts() {
		c.Began(c.members[i], n)
	}
}

func (c *crowd) end(i int) {
	if n := c.members[i].Remove(); c.by.Counts() {
		c.Ended(c.members[i], n)
	}
}

// busy begins so many exchanges at each member.
func (c *crowd) busy(counts []int) {
	for i, n := range counts {
		for range n {
			c.begin(i)
		}
	}
}

// less reports whether a has less in flight than b for its weight.
func (c *crowd) less(a, b int) bool {
	return int64(c.members[a].InFlight())*c.active[b].weight < int64(c.members[b].InFlight())*c.active[a].weight
}

// isLeast is the slow twin of LeastInFlight: it reports whether no member is less busy than i.
func (c *crowd) isLeast(i int) bool {
	for j := range c.active {
		if c.less(j, i) {
			return false
		}
	}
	return true
}

// shares compares how often each member is picked of n times with its probability. The bound is ten standard deviations.
func (c *crowd) shares(t *testing.T, what string, want []float64) {
	t.Helper()
	const n = 50_000
	counts := make([]int, len(want))
	for range n {
		counts[c.Pick(&Choice{})]++
	}
	for i, p := range want {
		if d := math.Abs(float64(counts[i]) - n*p); d > 10*math.Sqrt(n*p*(1-p))+1 {
			t.Errorf("%s: member %d is picked %d times of %d, want some %.0f", what, i, counts[i], n, n*p)
		}
	}
}

// someWeights returns up to n weights, many of them equal.
func someWeights(r *rand.Rand, n int) []int64 {
	weights := make([]int64, 1+r.IntN(n))
	for i := range weights {
		weights[i] = []int64{1, 1, 1, 2, 3, 7, 10, 1000}[r.IntN(8)]
	}
	return weights
}
