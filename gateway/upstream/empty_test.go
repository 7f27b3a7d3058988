package upstream_test

import (
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// TestAllEndpointsLeave: exchanges at endpoints that have left end as ever, whatever the method, also if none has come.
func TestAllEndpointsLeave(t *testing.T) {
	for name, b := range balances {
		u := balanced(b, unused(2))
		gone := u.Endpoints()
		busy(t, u, 2, 1)
		u.SetEndpoints(nil)
		if !gone[1].TryAcquire() {
			t.Errorf("%s: an exchange that chose the endpoint before it left cannot begin", name)
		}
		if e := u.Pick(&balance.Choice{}); e != nil {
			t.Errorf("%s: endpoint %d is picked, want none", name, e.Address.Index)
		}
		for _, e := range gone {
			for range 2 {
				e.Release()
			}
			if n := e.InFlight(); n != 0 {
				t.Errorf("%s: %d exchanges are still counted", name, n)
			}
		}
		u.SetEndpoints(unused(1))
		if e := u.Pick(&balance.Choice{Hashed: true}); e == nil {
			t.Errorf("%s: none is picked when one has come", name)
		}
	}
}

// TestNoneHasRoom: what finds its endpoint full, and by then no other, waits.
func TestNoneHasRoom(t *testing.T) {
	for name, b := range balances {
		u := upstream.New("test", unused(1), upstream.Options{Balance: b, MaxConnections: 1})
		busy(t, u, 1)
		a := upstream.Attempts{To: u}
		a.Begin()
		if e, entered := a.Next(time.Now()); e != u.Endpoints()[0] || entered {
			t.Errorf("%s: endpoint %v, entered %t, want the full one", name, e, entered)
		}
	}
}
