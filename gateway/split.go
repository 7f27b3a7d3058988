package gateway

import (
	"math/bits"
	"math/rand/v2"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/rewrite"
)

// A split divides the requests of a route among upstreams. For each there is a target of its own,
// which differs from the route's in the upstream only.
type split struct {
	key     *hashKey // nil: each request by itself
	targets []*target
	upTo    []uint64 // the sum of the weights up to each target's, its own included
}

// compileSplit returns nil if the route is not divided. It is called when all else of r is compiled.
func (s *snapshot) compileSplit(r *target, c *config.Route, m *metrics.Metrics) *split {
	if len(c.Split) == 0 {
		return nil
	}
	d := &split{key: compileHashKey(c.SplitKey)}
	total := uint64(0)
	for _, share := range c.Split {
		t := *r
		if t.upstream = s.upstreams[share.Upstream]; t.upstream == nil {
			continue // the parser has said so
		}
		t.streamIdle = c.StreamIdle(&t.upstream.config)
		t.Locations = rewrite.CompileLocations(c, t.upstream.pool)
		t.metrics = m.Route(c.Name, c.CORS, share.Upstream)
		total += uint64(share.Weight)
		d.targets, d.upTo = append(d.targets, &t), append(d.upTo, total)
	}
	return d
}

// pick returns the target for x's request. A client that has a key stays where it is; when weights
// change, only as many move as must, if the order remains.
func (d *split) pick(x *exchange) *target {
	var n uint64
	keyed := false
	if d.key != nil {
		n, keyed = d.key.hash(x)
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
	return d.targets[i]
}

// mix is a bijection under which neighbours part: the finalizer of SplitMix64.
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// blocking reports whether only the blocking engine can forward all requests of the route.
func (r *target) blocking() bool {
	if r.split == nil {
		return r.upstream.blocking
	}
	for _, t := range r.split.targets {
		if t.upstream.blocking {
			return true
		}
	}
	return false
}
