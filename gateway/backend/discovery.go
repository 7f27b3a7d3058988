package backend

import (
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/discover"
)

// This file is about endpoints that are names to look servers up by.

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

// noteLookups has the look-ups of names counted, and their changes logged once each.
func (u *Upstream) noteLookups(log *slog.Logger) {
	u.Pool.Looked = func(l upstream.Lookup) {
		if l.Err != nil {
			u.endpoints[l.Address.Index].LookupFailures.Inc()
		}
		attrs := []any{"upstream", u.Name, "endpoint", l.Address.Label, "servers", l.Servers}
		switch {
		case !l.Changed:
		case l.Err == nil:
			log.Info("endpoint's name resolved", attrs...)
		case l.Servers > 0:
			log.Warn("endpoint's name cannot be resolved; the last known servers stay in use", append(attrs, "error", l.Err.Error())...)
		default:
			log.Error("endpoint's name cannot be resolved; requests are answered 503 if the upstream has no other endpoint",
				append(attrs, "error", l.Err.Error())...)
		}
	}
}

// serverName returns the name that an endpoint's certificate must bear, or "" if it speaks no TLS.
// Where endpoints are looked up by SRV it is the domain that was configured: what DNS answers
// proves nothing. See RFC 6125, section 6.2.1.
func serverName(c *config.Upstream, e config.Endpoint) string {
	switch {
	case !e.TLS:
		return ""
	case c.TLSServerName != "":
		return c.TLSServerName
	case e.Discovery == "srv":
		return domain(e.Address)
	}
	host, _, err := net.SplitHostPort(e.Address)
	if err != nil {
		panic("BUG: an endpoint without a port: " + e.Address)
	}
	return host
}

// domain returns the name of a service without what says which service of the domain it is.
func domain(service string) string {
	name := service
	for strings.HasPrefix(name, "_") {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}
