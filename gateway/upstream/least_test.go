package upstream_test

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// TestLeastInFlightTwin: whatever begins, ends, fails, leaves and comes, the pick is one of those that take
// exchanges, and none of them is less busy.
func TestLeastInFlightTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	list := unused(100)
	for i := range list {
		list[i].Weight = []int{1, 1, 1, 3, 3, 7, 1000, 0}[random.IntN(8)]
	}
	u := ejectable(t, balance.LeastInFlight, list)
	for range 20_000 {
		e := u.Endpoints()[random.IntN(len(u.Endpoints()))]
		switch random.IntN(12) {
		case 0:
			if random.IntN(50) == 0 {
				from := random.IntN(50)
				u.SetEndpoints(list[from : from+1+random.IntN(len(list)-from)])
			}
		case 1:
			if random.IntN(20) == 0 {
				eject(t, u, e)
			}
		case 2, 3, 4, 5:
			if e.InFlight() > 0 {
				e.Release()
			}
		case 6:
			e.TryAcquire()
		default:
			got := u.Pick(&balance.Choice{})
			if !slices.Contains(twinLeast(u), got) {
				t.Fatalf("endpoint %d is picked, with %d in flight and a weight of %d", got.Address.Index, got.InFlight(), list[got.Address.Index].Weight)
			}
			got.TryAcquire()
		}
	}
}

// twinLeast returns all endpoints that the least busy one may be, by what is told of each.
func twinLeast(u *upstream.Upstream) (least []*upstream.Endpoint) {
	var best *big.Rat
	all, drained := u.Status(), true
	for _, s := range all {
		drained = drained && s.Weight == 0
	}
	usable := slices.ContainsFunc(all, func(s upstream.Status) bool { return s.Usable && (drained || s.Weight > 0) })
	for i, s := range all {
		if drained {
			s.Weight = 1
		}
		if s.Weight == 0 || usable && !s.Usable {
			continue
		}
		cost := big.NewRat(s.InFlight, int64(s.Weight))
		if best == nil || cost.Cmp(best) < 0 {
			best, least = cost, nil
		}
		if cost.Cmp(best) == 0 {
			least = append(least, u.Endpoints()[i])
		}
	}
	return least
}

// TestLeastInFlightRaces: whatever was done at the same time, and in whatever order it was seen, afterwards the pick is
// exact.
func TestLeastInFlightRaces(t *testing.T) {
	list := unused(30)
	for i := range list {
		list[i].Weight = 1 + i%4
	}
	u := balanced(balance.LeastInFlight, list)
	for round := range 200 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 100 {
					e := u.Pick(&balance.Choice{})
					e.TryAcquire()
					if rand.IntN(2) == 0 {
						e.Release()
					} else if o := u.Endpoints()[rand.IntN(30)]; o.InFlight() > 5 { // nobody else takes that many
						o.Release()
					}
				}
			})
		}
		if round%3 == 0 {
			u.SetEndpoints(list)
		}
		all.Wait()
		if got := u.Pick(&balance.Choice{}); !slices.Contains(twinLeast(u), got) {
			t.Fatalf("round %d: endpoint %d is picked, with %d in flight", round, got.Address.Index, got.InFlight())
		}
	}
}
