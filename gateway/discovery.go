package gateway

import (
	"net"
	"strconv"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/discover"
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
	u.pool.Looked = func(l upstream.Lookup) {
		if l.Err != nil {
			u.endpoints[l.Address.Index].LookupFailures.Inc()
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
