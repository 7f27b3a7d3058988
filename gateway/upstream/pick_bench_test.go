package upstream_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// ejectable returns a balanced upstream of which an endpoint can be ejected.
func ejectable(t testing.TB, b balance.Method, list []upstream.Address) *upstream.Upstream {
	u := upstream.New("test", list, upstream.Options{Balance: b, MaxConnections: 1 << 30, KeepAlive: time.Hour,
		Ejection: upstream.Ejection{Failures: 1, BaseTime: time.Hour, MaxShare: .5}})
	u.Start()
	t.Cleanup(u.Stop)
	return u
}

// eject takes e out of use, unless as many are as may be.
func eject(t testing.TB, u *upstream.Upstream, e *upstream.Endpoint) {
	t.Helper()
	list := u.Endpoints()
	out := 0
	for _, s := range u.Status() {
		if !s.Usable {
			out++
		}
	}
	i := slices.Index(list, e)
	if out >= len(list)/2 || !u.Status()[i].Usable {
		return
	}
	e.Failed()
	until(t, "it is ejected", func() bool { return !u.Status()[i].Usable })
}

// crowd returns an upstream of 100 endpoints that all have exchanges in flight.
func crowd(t testing.TB, by balance.Method, weighted, unhealthy bool) *upstream.Upstream {
	weights := make([]int, 100)
	for i := range weights {
		if weights[i] = 1; weighted {
			weights[i] = 1 + i%7
		}
	}
	u := ejectable(t, by, unused(100, weights...))
	for i, e := range u.Endpoints() {
		for range 1 + i*37%11 {
			e.TryAcquire()
		}
		if unhealthy && i%5 == 2 {
			eject(t, u, e)
		}
	}
	return u
}

// crowds calls f for each balance, with weights and without, with all endpoints in use and with four of five.
func crowds(f func(name string, b balance.Method, weighted, unhealthy bool)) {
	for _, name := range slices.Sorted(maps.Keys(balances)) {
		for _, weighted := range []bool{false, true} {
			for _, unhealthy := range []bool{false, true} {
				f(fmt.Sprintf("balance=%s/weighted=%t/unhealthy=%t", name, weighted, unhealthy), balances[name], weighted, unhealthy)
			}
		}
	}
}

// BenchmarkPick is a choice among 100 endpoints that all have exchanges in flight.
func BenchmarkPick(b *testing.B) {
	crowds(func(name string, by balance.Method, weighted, unhealthy bool) {
		run := func(name string, end func(*upstream.Upstream, *upstream.Endpoint)) {
			b.Run(name, func(b *testing.B) {
				u := crowd(b, by, weighted, unhealthy)
				c := balance.Choice{Hashed: by == balance.Hash}
				b.ReportAllocs()
				for b.Loop() {
					c.Hash += 0x9e3779b97f4a7c15
					if e := u.Pick(&c); end != nil {
						end(u, e)
					}
				}
			})
		}
		run(name, nil)
		// With what an exchange does besides: it begins there, and another ends elsewhere.
		i := 0
		run(name+"/moving", func(u *upstream.Upstream, e *upstream.Endpoint) {
			e.TryAcquire()
			for {
				if i = (i + 61) % 100; u.Endpoints()[i].InFlight() > 0 {
					break
				}
			}
			u.Endpoints()[i].Release()
		})
	})
}

// TestPickAllocations: a choice allocates nothing.
func TestPickAllocations(t *testing.T) {
	crowds(func(name string, by balance.Method, weighted, unhealthy bool) {
		u := crowd(t, by, weighted, unhealthy)
		tried := []*balance.Member{u.Endpoints()[0].Member(), u.Endpoints()[1].Member()}
		for _, c := range []balance.Choice{{}, keyed(1), {Tried: tried}} {
			if n := testing.AllocsPerRun(100, func() { u.Pick(&c) }); n > 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}
