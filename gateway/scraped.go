package gateway

import (
	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// registerScraped says where what is read at a scrape is found: in the configuration that is in force then.
func (g *Gateway) registerScraped() {
	m := g.metrics
	m.Read(metrics.Connections, g.listen.Connections)
	m.Read(metrics.Streams, g.listen.Streams)
	m.Read(metrics.LoopConnections, g.listen.LoopConnections)
	m.ReadOne(metrics.InFlight, func() float64 { return float64(g.proxy.InFlight()) })
	m.ReadOne(metrics.PreflightCacheEntries, func() float64 {
		if c := g.proxy.Current().Preflights; c != nil {
			return float64(c.Len())
		}
		return 0
	})
	m.ReadOne(metrics.PreflightCacheBytes, func() float64 {
		if c := g.proxy.Current().Preflights; c != nil {
			return float64(c.Bytes())
		}
		return 0
	})
	m.Read(metrics.LimitTableBytes, func(emit metrics.Emit) { g.proxy.Current().Limits.Bytes(emit) })
	m.Read(metrics.CertificateExpiry, func(emit metrics.Emit) { g.proxy.Current().Certs.Expiries(emit) })
	m.Read(metrics.ACMEFailures, func(emit metrics.Emit) {
		for _, d := range g.proxy.Current().Certs.ACME.Domains() {
			n, _ := d.Failures()
			emit(float64(n), d.Name)
		}
	})
	g.registerHTTP2()
	g.registerEndpoints()
}

// registerEndpoints is registerScraped for what is known of the endpoints of upstreams.
func (g *Gateway) registerEndpoints() {
	read := func(s *metrics.Scraped, value func(c *backend.Condition) float64) {
		g.metrics.Read(s, func(emit metrics.Emit) {
			g.proxy.Current().Upstreams.Conditions(func(c *backend.Condition) { emit(value(c), c.Upstream, c.Endpoint) })
		})
	}
	read(metrics.UpstreamHealthy, func(c *backend.Condition) float64 { return c.Healthy })
	read(metrics.UpstreamFailing, func(c *backend.Condition) float64 { return c.Failing })
	read(metrics.UpstreamChecked, func(c *backend.Condition) float64 {
		if c.Known {
			return 1
		}
		return 0
	})
	read(metrics.UpstreamInFlight, func(c *backend.Condition) float64 { return float64(c.InFlight) })
	read(metrics.UpstreamStreams, func(c *backend.Condition) float64 { return float64(c.Streams) })
	g.metrics.Read(metrics.UpstreamDiscovered, func(emit metrics.Emit) {
		g.proxy.Current().Upstreams.Conditions(func(c *backend.Condition) {
			if c.Named {
				emit(float64(c.Servers), c.Upstream, c.Endpoint)
			}
		})
	})
}

// Totals returns how much was done.
func (g *Gateway) Totals() metrics.Totals { return g.metrics.Totals() }

// Upstreams returns what can be told of each upstream now, by name.
func (g *Gateway) Upstreams() []backend.Status { return g.proxy.Current().Upstreams.Status() }
