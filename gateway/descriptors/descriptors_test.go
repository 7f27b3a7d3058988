package descriptors

import (
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// TestPlaces: how descriptors are shared out.
func TestPlaces(t *testing.T) {
	f := func(limit, own, configured, want int) {
		t.Helper()
		d := Shares{limit, own}
		got := d.Connections(configured)
		if got != want {
			t.Errorf("of %d descriptors, %d of them our own, with connections = %d: %d, want %d", limit, own, configured, got, want)
		}
		if got > leastOfClients && got > limit-own {
			t.Errorf("of %d descriptors, %d of them our own, clients have %d", limit, own, got)
		}
		if last := d.Last(); limit > spare && limit-last != spare {
			t.Errorf("of %d descriptors %d are spared, want %d", limit, limit-last, spare)
		}
	}
	f(1024, 64, 0, 320)
	f(1024, 64, 500, 500)
	f(1024, 64, 840, 840)
	f(1024, 64, 841, 840)
	f(1024, 64, 10_000_000, 840)
	f(1<<20, 76, 0, 349_500)
	// Hardly any, or too few: some clients there are.
	f(100, 64, 0, leastOfClients)
	f(64, 64, 0, leastOfClients)
	f(10, 64, 0, leastOfClients)
	f(10, 64, 100, leastOfClients)
	f(10, 64, 3, 3)
}

// TestOwnDescriptors: what a configuration needs is counted.
func TestOwnDescriptors(t *testing.T) {
	own := func(cfg config.Config) int { return For(&cfg).Own }
	least := own(config.Config{})
	if least < spare {
		t.Errorf("%d descriptors are our own, want %d and more", least, spare)
	}
	two := own(config.Config{Listeners: make([]config.Listener, 2)})
	if two <= least {
		t.Errorf("with two listeners %d descriptors are our own, %d without", two, least)
	}
	if three := own(config.Config{Listeners: []config.Listener{{}, {HTTP3: true}}}); three <= two {
		t.Errorf("with HTTP/3 %d descriptors are our own, %d without", three, two)
	}
	checked := config.Upstream{Endpoints: make([]config.Endpoint, 5), Health: &config.Health{}}
	if n := own(config.Config{Upstreams: []config.Upstream{checked, {}}}); n != least+5 {
		t.Errorf("with five checks %d descriptors are our own, want %d", n, least+5)
	}
}
