package gateway

import (
	"net"
	"strconv"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/discover"
	"github.com/prometheus/client_golang/prometheus"
)

// This file is what the gateway has to do with endpoints that are names to look servers up by.

// addresses returns the endpoints of an upstream as package upstream wants them.
func addresses(c *config.Upstream) []upstream.Address {
	resolver := discover.NewResolver(c.Resolver)
	list := make([]upstream.Address, len(c.Endpoints))
	for i, e := range c.Endpoints {
		a := upstream.Address{Label: e.URL, Index: i, Weight: 1, Network: e.Network, Dial: e.Address, ServerName: serverName(c, e)}
		if len(c.Weights) > 0 {
			a.Weight = c.Weights[i]
		}
		switch e.Discovery {
		case "dns":
			host, port, err := net.SplitHostPort(e.Address)
			n, portErr := strconv.ParseUint(port, 10, 16)
			if err != nil || portErr != nil {
				panic("BUG: an endpoint without a port: " + e.Address)
			}
			a.Authority = e.Address
			a.Find = discover.NewFollower(resolver, discover.Name{Host: host, Port: uint16(n)})
		case "srv":
			a.Authority = domain(e.Address)
			a.Find = discover.NewFollower(resolver, discover.Name{Host: e.Address, Service: true})
		}
		list[i] = a
	}
	return list
}

// noteLookups has the look-ups of an upstream's names counted, and their changes told once each.
func (g *Gateway) noteLookups(u *upstreamPool) {
	failures := make([]prometheus.Counter, len(u.config.Endpoints))
	for i, e := range u.config.Endpoints {
		if e.Discovery != "" {
			failures[i] = g.metrics.lookupFailures.WithLabelValues(u.name, e.URL)
		}
	}
	u.pool.Looked = func(l upstream.Lookup) {
		if l.Err != nil {
			failures[l.Address.Index].Inc()
		}
		attrs := []any{"upstream", u.name, "endpoint", l.Address.Label, "servers", l.Servers}
		switch {
		case !l.Changed:
		case l.Err == nil:
			g.log.Info("endpoint looked up", attrs...)
		case l.Servers > 0:
			g.log.Warn("endpoint cannot be looked up; what is known of it stays in use", append(attrs, "error", l.Err.Error())...)
		default:
			g.log.Error("endpoint cannot be looked up; requests for it are answered 503 if the upstream has no other",
				append(attrs, "error", l.Err.Error())...)
		}
	}
}

var discoveredDesc = prometheus.NewDesc("corsgate_upstream_discovered",
	"Servers that the name of an endpoint leads to, as far as is known.", []string{"upstream", "endpoint"}, nil)

// collectDiscovered tells how many servers each name of an upstream has. servers counts by the number of the
// configured endpoint.
func (u *upstreamPool) collectDiscovered(servers []float64, to chan<- prometheus.Metric) {
	for i, e := range u.config.Endpoints {
		if e.Discovery != "" {
			to <- prometheus.MustNewConstMetric(discoveredDesc, prometheus.GaugeValue, servers[i], u.name, e.URL)
		}
	}
}
