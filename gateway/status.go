package gateway

import (
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// registerScraped says where what is read at a scrape is found: in the configuration that is in force then.
func (g *Gateway) registerScraped() {
	m := g.metrics
	m.Read(metrics.Connections, g.listen.Connections)
	m.Read(metrics.Streams, g.listen.Streams)
	m.Read(metrics.LoopConnections, g.listen.LoopConnections)
	m.ReadOne(metrics.InFlight, func() float64 { return float64(g.proxy.Overload().InFlight()) })
	m.ReadOne(metrics.PreflightCacheEntries, func() float64 { return float64(g.proxy.Current().PreflightEntries()) })
	m.ReadOne(metrics.PreflightCacheBytes, func() float64 { return float64(g.proxy.Current().PreflightBytes()) })
	m.Read(metrics.LimitTableBytes, func(emit metrics.Emit) { g.proxy.Current().Limits.Bytes(emit) })
	m.Read(metrics.AuthKeys, func(emit metrics.Emit) { g.proxy.Current().Auth.Keys(emit) })
	m.Read(metrics.AuthKeysAge, func(emit metrics.Emit) { g.proxy.Current().Auth.Ages(emit) })
	m.Read(metrics.AuthFetches, func(emit metrics.Emit) { g.proxy.Current().Auth.Fetches(emit) })
	m.Read(metrics.AuthRemembered, func(emit metrics.Emit) { g.proxy.Current().Auth.Remembered(emit) })
	m.Read(metrics.CertificateExpiry, func(emit metrics.Emit) { g.proxy.Current().Certs.Expiries(emit) })
	m.Read(metrics.ACMEFailures, func(emit metrics.Emit) { g.proxy.Current().Certs.Failures(emit) })
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

// loading is what came of the last attempts to load a configuration.
type loading struct {
	mu   sync.Mutex
	last time.Time // when the one in force was
	err  error     // why the last attempt failed, or nil
}

// LastReload returns since when the configuration in force is in force, and why the last attempt to
// replace it failed, or nil if it did not.
func (g *Gateway) LastReload() (inForceSince time.Time, err error) {
	g.loading.mu.Lock()
	defer g.loading.mu.Unlock()
	return g.loading.last, g.loading.err
}

// ReloadFailed records that a configuration could not be loaded, and why.
func (g *Gateway) ReloadFailed(err error) {
	g.metrics.ReloadSucceeded.Set(0)
	g.loading.mu.Lock()
	defer g.loading.mu.Unlock()
	g.loading.err = err
}

// reloaded records that one was.
func (g *Gateway) reloaded() {
	g.metrics.ReloadSucceeded.Set(1)
	g.loading.mu.Lock()
	defer g.loading.mu.Unlock()
	g.loading.last, g.loading.err = time.Now(), nil
}

// registerHTTP2 has what HTTP/2 connections have met read at a scrape. Their sessions count it.
func (g *Gateway) registerHTTP2() {
	c := g.server.HTTP2Counts()
	g.metrics.ReadOne(metrics.HTTP2Refused, func() float64 { return float64(c.Refused()) })
	byCode := func(s *metrics.Scraped, count func(by h2.Side, code h2.Code) int64) {
		g.metrics.Read(s, func(emit metrics.Emit) {
			for _, by := range []h2.Side{h2.Client, h2.Gateway} {
				for _, code := range h2.Codes() {
					emit(float64(count(by, code)), by.String(), code.String())
				}
			}
		})
	}
	byCode(metrics.HTTP2Resets, c.Resets)
	byCode(metrics.HTTP2GoAways, c.GoAways)
	g.metrics.Read(metrics.HTTP2Floods, func(emit metrics.Emit) {
		for _, cause := range h2.Causes() {
			emit(float64(c.Floods(cause)), cause.String())
		}
	})
}
