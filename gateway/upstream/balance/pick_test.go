package balance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var methods = map[string]Method{"OfTwo": OfTwo, "RoundRobin": RoundRobin, "LeastInFlight": LeastInFlight, "Hash": Hash}

// TestFew: of none there is no choice, and of one there is only one.
func TestFew(t *testing.T) {
	for name, by := range methods {
		for _, c := range []Choice{{}, {Hashed: true, Hash: 1}} {
			if got := newCrowd(by).Pick(&c); got != -1 {
				t.Errorf("%s, no member: %d", name, got)
			}
			one := newCrowd(by, 3)
			c.Tried = one.members
			if got := one.Pick(&c); got != 0 {
				t.Errorf("%s, one member, tried: %d", name, got)
			}
		}
	}
	if got := new(Set).Least(func(int) bool { return true }); got != -1 {
		t.Errorf("Least of none: %d", got)
	}
}

// TestShares: while nothing is in flight, members get exchanges in proportion to their weights.
func TestShares(t *testing.T) {
	for name, by := range methods {
		for _, weights := range [][]int64{{1, 1}, {1, 1, 1, 1, 1}, {5, 1, 1}, {3, 2}, {1000, 1}} {
			total := int64(0)
			for _, w := range weights {
				total += w
			}
			want := make([]float64, len(weights))
			for i, w := range weights {
				want[i] = float64(w) / float64(total)
			}
			newCrowd(by, weights...).shares(t, fmt.Sprintf("%s, weights %v", name, weights), want)
		}
	}
}

// TestRoundRobin: turns follow the schedule, also when the set is replaced by an equal one.
func TestRoundRobin(t *testing.T) {
	weights := []int64{5, 1, 2}
	c := newCrowd(RoundRobin, weights...)
	order := schedule(weights)
	for n := range 5 * len(order) {
		if n == 2*len(order)+3 {
			c.replace(weights)
		}
		if got, want := c.Pick(&Choice{}), int(order[(n+1)%len(order)]); got != want {
			t.Fatalf("pick %d: %d, want %d", n, got, want)
		}
	}
}

// TestOfTwoTwin: each member is picked as often as a count over all pairs of draws says.
func TestOfTwoTwin(t *testing.T) {
	for _, v := range []struct {
		weights []int64
		counts  []int
	}{
		{[]int64{1, 1}, []int{1, 0}},
		{[]int64{10, 1}, []int{9, 1}},  // the first is less busy for its weight
		{[]int64{10, 1}, []int{11, 1}}, // now the second
		{[]int64{10, 1}, []int{10, 1}}, // equal: the one that is drawn by weight
		{[]int64{1, 1, 1, 1, 1}, []int{1, 2, 9, 1, 1}},
		{[]int64{1, 2, 3, 4}, []int{4, 4, 4, 4}},
		{[]int64{1, 7, 1000}, []int{0, 0, 500}},
	} {
		c := newCrowd(OfTwo, v.weights...)
		c.busy(v.counts)
		total, n := int64(0), len(v.weights)
		for _, w := range v.weights {
			total += w
		}
		want := make([]float64, n)
		for i, w := range v.weights {
			for j := range n {
				pair := float64(w) / float64(total) / float64(n-1)
				switch {
				case i == j:
				case c.less(j, i):
					want[j] += pair
				default:
					want[i] += pair
				}
			}
		}
		c.shares(t, fmt.Sprintf("weights %v, in flight %v", v.weights, v.counts), want)
	}
}

// TestTried: where an exchange has failed it goes again only if no other member is left.
func TestTried(t *testing.T) {
	for name, by := range methods {
		c := newCrowd(by, 1, 5, 1)
		for _, tried := range [][]int{{1}, {0, 1}, {0, 1, 2}} {
			for i := range 1000 {
				choice := Choice{Hashed: by == Hash, Hash: uint64(i) << 32}
				for _, m := range tried {
					choice.Tried = append(choice.Tried, c.members[m])
				}
				if got := c.Pick(&choice); got < 0 || len(tried) < 3 && slices.Contains(tried, got) {
					t.Fatalf("%s, tried %v: %d is picked", name, tried, got)
				}
			}
		}
	}
}

// TestLeast: of those that may be used, one than which none is less busy.
func TestLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		weights := someWeights(r, 12)
		c := newCrowd(OfTwo, weights...)
		may := make([]bool, len(weights))
		for i := range weights {
			may[i] = r.IntN(3) > 0
			for range r.IntN(20) {
				c.begin(i)
			}
		}
		got := c.Least(func(i int) bool { return may[i] })
		if got < 0 != !slices.Contains(may, true) || got >= 0 && !may[got] {
			t.Fatalf("%d, of those that may be used: %v", got, may)
		}
		for i := range weights {
			if may[i] && c.less(i, got) {
				t.Errorf("%d is picked, and %d is less busy", got, i)
			}
		}
	}
}

// TestTryAdd: no more than most.
func TestTryAdd(t *testing.T) {
	var m Member
	for i := range int64(5) {
		if n, ok := m.TryAdd(3); ok != (i < 3) || n != min(i, 3) {
			t.Errorf("exchange %d: %d others, %t", i, n, ok)
		}
	}
	if n := m.Remove(); n != 2 || m.InFlight() != 2 {
		t.Errorf("%d are left, %d in flight, want 2", n, m.InFlight())
	}
}
