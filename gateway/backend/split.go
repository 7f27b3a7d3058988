package backend

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A Split divides the requests of a route among upstreams, by their numbers in the configuration.
type Split struct {
	key  *Key     // nil: each request by itself
	upTo []uint64 // the sum of the weights up to each upstream's, its own included
}

// NewSplit returns nil if a route is not divided.
func NewSplit(c *config.Route) *Split {
	if len(c.Split) == 0 {
		return nil
	}
	d := &Split{key: NewKey(c.SplitKey)}
	total := uint64(0)
	for _, share := range c.Split {
		total += uint64(share.Weight)
		d.upTo = append(d.upTo, total)
	}
	return d
}

// Pick returns the number of the upstream for a request. A client that has a key stays where it is; when weights
// change, only as many move as must, if the order remains.
func (d *Split) Pick(r *wire.Request, client netip.Addr) int {
	var n uint64
	keyed := false
	if d.key != nil {
		n, keyed = d.key.Hash(r, client)
	}
	if keyed {
		// An upstream may balance by the same key: its share of the keys must not be a run of hashes.
		n = mix(n)
	} else {
		n = rand.Uint64()
	}
	at, _ := bits.Mul64(n, d.upTo[len(d.upTo)-1])
	i := 0
	for at >= d.upTo[i] {
		i++
	}
	return i
}

// mix is a bijection under which neighbours part: the finalizer of SplitMix64.
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
