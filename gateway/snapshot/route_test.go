package snapshot

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// TestRoom: each priority leaves places to those above it, and each may have one in flight.
func TestRoom(t *testing.T) {
	for _, v := range []struct {
		inFlight          int
		low, normal, high int64
	}{
		{1, 1, 1, 1},
		{2, 1, 1, 2},
		{3, 2, 2, 3},
		{4, 2, 3, 4},
		{8, 4, 6, 8},
		{16, 8, 12, 16},
		{20, 12, 16, 20},
		{60, 51, 56, 60},
		{80, 68, 76, 80},
		{10_000, 8500, 9500, 10_000},
	} {
		for priority, want := range map[string]int64{"low": v.low, "normal": v.normal, "high": v.high} {
			if got := roomOf(&config.Route{Priority: priority}, v.inFlight).Most; got != want {
				t.Errorf("in_flight = %d, priority %s: %d, want %d", v.inFlight, priority, got, want)
			}
		}
	}
}

// TestInFlightFor: if nothing is configured, a request of each connection is let in, and there is room for what is more important.
func TestInFlightFor(t *testing.T) {
	for connections := 1; connections < 5000; connections++ {
		n := inFlightFor(connections)
		normal, high := roomOf(&config.Route{Priority: "normal"}, n).Most, roomOf(&config.Route{Priority: "high"}, n).Most
		if normal < int64(connections) || high <= normal {
			t.Fatalf("%d connections: %d requests of normal priority and %d of high, want at least %d and more", connections, normal, high, connections)
		}
		if most := connections*106/100 + roomApart + 1; n > most {
			t.Fatalf("%d connections: %d in flight, want %d at most", connections, n, most)
		}
	}
}
