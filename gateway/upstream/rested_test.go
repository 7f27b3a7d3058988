package upstream_test

import (
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// TestIdleEndpointsTakeTurns: exchanges one after another go to the endpoint that has rested longest; a new one is next.
func TestIdleEndpointsTakeTurns(t *testing.T) {
	for _, b := range []balance.Method{balance.OfTwo, balance.LeastInFlight, balance.Hash} { // without a key
		list := unused(2)
		u := balanced(b, list[:1])
		now := time.Now()
		next := func() int {
			now = now.Add(time.Millisecond)
			a := upstream.Attempts{To: u}
			a.Begin()
			e, entered := a.Next(now)
			if !entered {
				t.Fatal("no room")
			}
			e.Release()
			return e.Address.Index
		}
		next()
		u.SetEndpoints(list)
		for i := range 20 {
			if got, want := next(), (i+1)%2; got != want {
				t.Fatalf("method %d, exchange %d: endpoint %d, want %d", b, i, got, want)
			}
		}
	}
}
