package backend

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// TestConnectionsDerived: what max_connections is where nothing is written.
func TestConnectionsDerived(t *testing.T) {
	f := func(connections, endpoints, written, want int) {
		t.Helper()
		c := &config.Upstream{Endpoints: make([]config.Endpoint, endpoints), MaxConnections: written}
		if got := connectionsOf(c, connections); got != want {
			t.Errorf("of %d connections, with %d endpoints and %d written: %d, want %d", connections, endpoints, written, got, want)
		}
	}
	f(10000, 1, 0, 5000)
	f(10000, 4, 0, 1250)
	f(10000, 1000, 0, 64)
	f(100, 1, 0, 64)
	f(100, 1, 7, 7)
	f(1<<30, 1, 0, 1<<20)
	f(10000, 0, 0, 5000) // names that are looked up are one each; none is an error elsewhere
}
