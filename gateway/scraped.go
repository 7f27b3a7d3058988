package gateway

import (
	"strconv"

	"github.com/corsgate/corsgate/gateway/metrics"
)

// registerScraped says where what is read at a scrape is found: in the configuration that is in force then.
func (g *Gateway) registerScraped() {
	m := g.metrics
	m.Read(metrics.Connections, g.listeners.open)
	m.Read(metrics.Streams, g.listeners.streams)
	m.Read(metrics.LoopConnections, g.loopConnections)
	m.ReadOne(metrics.InFlight, func() float64 { return float64(g.overload.inFlight.Load()) })
	m.ReadOne(metrics.PreflightCacheEntries, func() float64 {
		if c := g.current.Load().preflights; c != nil {
			return float64(c.Len())
		}
		return 0
	})
	m.ReadOne(metrics.PreflightCacheBytes, func() float64 {
		if c := g.current.Load().preflights; c != nil {
			return float64(c.Bytes())
		}
		return 0
	})
	m.Read(metrics.LimitTableBytes, func(emit metrics.Emit) {
		for name, l := range g.current.Load().limits {
			emit(float64(l.requests.bytes()+l.preflights.bytes()), name)
		}
	})
	m.Read(metrics.CertificateExpiry, func(emit metrics.Emit) { g.current.Load().certs.Expiries(emit) })
	m.Read(metrics.ACMEFailures, func(emit metrics.Emit) {
		for _, d := range g.current.Load().certs.ACME.Domains() {
			n, _ := d.Failures()
			emit(float64(n), d.Name)
		}
	})
	g.registerHTTP2()
	g.registerEndpoints()
}

// registerEndpoints is registerScraped for what is known of the endpoints of upstreams.
func (g *Gateway) registerEndpoints() {
	read := func(s *metrics.Scraped, value func(c *condition) float64) {
		g.metrics.Read(s, func(emit metrics.Emit) {
			g.current.Load().conditions(func(c *condition) { emit(value(c), c.upstream, c.endpoint) })
		})
	}
	read(metrics.UpstreamHealthy, func(c *condition) float64 { return c.healthy })
	read(metrics.UpstreamFailing, func(c *condition) float64 { return c.failing })
	read(metrics.UpstreamChecked, func(c *condition) float64 {
		if c.known {
			return 1
		}
		return 0
	})
	read(metrics.UpstreamInFlight, func(c *condition) float64 { return float64(c.inFlight) })
	read(metrics.UpstreamStreams, func(c *condition) float64 { return float64(c.streams) })
	g.metrics.Read(metrics.UpstreamDiscovered, func(emit metrics.Emit) {
		g.current.Load().conditions(func(c *condition) {
			if c.named {
				emit(float64(c.servers), c.upstream, c.endpoint)
			}
		})
	})
}

// loopConnections tells how many connections each event loop has: the kernel chooses the loop of a connection, by a hash, so
// a few busy connections can make one loop work more than the others.
func (g *Gateway) loopConnections(emit metrics.Emit) {
	if loops := g.turning.Load(); loops != nil {
		for i, l := range *loops {
			emit(float64(l.Clients()), strconv.Itoa(i))
		}
	}
}

// Totals returns how much was done.
func (g *Gateway) Totals() metrics.Totals { return g.metrics.Totals() }
