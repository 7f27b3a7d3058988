package snapshot

import (
	"math"
	"math/rand/v2"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/trace"
)

// Tracing is a table [trace]. nil: traces pass as they are.
type Tracing struct {
	Exporter *trace.Exporter // nil: nothing is recorded
	config   config.Trace
	below    uint64 // of a random number, which then means sampled
}

// compileTracing takes over the exporter of prev if it is for the same collector.
func compileTracing(c *config.Trace, old *Tracing, m *metrics.Metrics) *Tracing {
	if c == nil {
		return nil
	}
	t := &Tracing{config: *c}
	if t.below = uint64(c.Sample*(1<<63)) * 2; c.Sample == 1 {
		t.below = math.MaxUint64
	}
	switch {
	case c.Endpoint == "":
	case old != nil && old.config.Endpoint == c.Endpoint && old.config.Service == c.Service:
		t.Exporter = old.Exporter
	default:
		t.Exporter = trace.New(c.Endpoint, c.Service, func(n int) { m.SpansDropped.Add(float64(n)) })
	}
	return t
}

// Exporter returns what spans go to, or nil.
func (s *Snapshot) Exporter() *trace.Exporter {
	if s == nil || s.Tracing == nil {
		return nil
	}
	return s.Tracing.Exporter
}

// Sample decides whether a trace is recorded that begins here.
func (t *Tracing) Sample() bool { return t.below > 0 && rand.Uint64() < t.below }
