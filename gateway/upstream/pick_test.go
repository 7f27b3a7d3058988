package upstream_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// unused returns n addresses at which there is nothing, with weights.
func unused(n int, weights ...int) []upstream.Address {
	list := make([]upstream.Address, n)
	for i := range list {
		list[i] = upstream.Address{Label: fmt.Sprint(i), Index: i, Weight: 1, Network: "tcp", Dial: fmt.Sprintf("192.0.2.1:%d", i+1)}
		if len(weights) > 0 {
			list[i].Weight = weights[i]
		}
	}
	return list
}

// balanced returns an upstream that is never asked for an exchange.
func balanced(b balance.Method, list []upstream.Address) *upstream.Upstream {
	return upstream.New("test", list, upstream.Options{Balance: b, MaxConnections: 1 << 30})
}

var balances = map[string]balance.Method{
	"p2c": balance.OfTwo, "round_robin": balance.RoundRobin, "least_in_flight": balance.LeastInFlight, "hash": balance.Hash,
}

// picks returns how often each endpoint is picked of n times; each exchange ends at once.
func picks(u *upstream.Upstream, n int, choice func(int) balance.Choice) []int {
	counts := make([]int, len(u.Endpoints()))
	for i := range n {
		var c balance.Choice
		if choice != nil {
			c = choice(i)
		}
		counts[u.Pick(&c).Address.Index]++
	}
	return counts
}

func keyed(i int) balance.Choice {
	return balance.Choice{Hashed: true, Hash: xxhash.Sum64(fmt.Append(nil, "key ", i))}
}

// TestShares: while nothing is in flight, endpoints get what their weights say, those of weight 0 nothing unless all weights
// are 0. The bound is ten standard deviations. The other rules of each balance are tested in package balance.
func TestShares(t *testing.T) {
	const n = 100_000
	for name, b := range balances {
		for _, weights := range [][]int{{5, 1, 1}, {0, 1, 3}, {0, 0}} {
			u := balanced(b, unused(len(weights), weights...))
			total := 0
			for _, w := range weights {
				total += w
			}
			for i, got := range picks(u, n, nil) {
				p := 1 / float64(len(weights))
				if total > 0 {
					p = float64(weights[i]) / float64(total)
				}
				if d := math.Abs(float64(got) - n*p); d > 10*math.Sqrt(n*p*(1-p))+1 {
					t.Errorf("%s, weights %v: endpoint %d is picked %d times of %d, want some %.0f", name, weights, i, got, n, n*p)
				}
			}
		}
	}
}

// busy gives each endpoint exchanges in flight.
func busy(t *testing.T, u *upstream.Upstream, counts ...int) {
	t.Helper()
	for i, n := range counts {
		for range n {
			if !u.Endpoints()[i].TryAcquire() {
				t.Fatal("no room")
			}
		}
	}
}

// TestTried: where an exchange has failed it goes again only if there is no other endpoint.
func TestTried(t *testing.T) {
	for name, b := range balances {
		u := balanced(b, unused(4, 1, 5, 1, 0))
		e := u.Endpoints()
		tries := func(c balance.Choice, tried ...*upstream.Endpoint) []int {
			var members []*balance.Member
			for _, e := range tried {
				members = append(members, e.Member())
			}
			return picks(u, 1000, func(i int) balance.Choice {
				if b == balance.Hash {
					c = keyed(i)
				}
				c.Tried = members
				return c
			})
		}
		if n := tries(balance.Choice{}, e[1]); n[1] != 0 || n[3] != 0 || n[0] == 0 || n[2] == 0 {
			t.Errorf("%s, one was tried: %v", name, n)
		}
		if n := tries(balance.Choice{}, e[1], e[0]); n[2] != 1000 {
			t.Errorf("%s, two were tried: %v", name, n)
		}
		if n := tries(balance.Choice{}, e[0], e[1], e[2]); n[0] == 0 || n[1] == 0 || n[3] != 0 {
			t.Errorf("%s, all were tried: %v", name, n)
		}
	}
}

// owners returns whom each of n keys belongs to while nothing is in flight.
func owners(u *upstream.Upstream, n int) []string {
	list := make([]string, n)
	for i := range list {
		c := keyed(i)
		list[i] = u.Pick(&c).Address.Label
	}
	return list
}

// TestHashMoves: when an endpoint leaves, its keys move and no other; when it comes, keys move to
// it alone.
func TestHashMoves(t *testing.T) {
	const n = 20_000
	list := unused(20)
	u := balanced(balance.Hash, list)
	before := owners(u, n)
	u.SetEndpoints(append(append([]upstream.Address(nil), list[:7]...), list[8:]...))
	moved := 0
	for i, owner := range owners(u, n) {
		if owner != before[i] {
			if moved++; before[i] != "7" {
				t.Fatalf("key %d has moved from %s to %s", i, before[i], owner)
			}
		}
	}
	if moved == 0 || moved > 2*n/20 {
		t.Errorf("%d of %d keys have moved, want some %d", moved, n, n/20)
	}
	u.SetEndpoints(list)
	if fmt.Sprint(owners(u, n)) != fmt.Sprint(before) {
		t.Error("keys have not come back")
	}
}
