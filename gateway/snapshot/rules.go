package snapshot

import (
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/descriptors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/wire"
)

func conflictProblem(cfg *config.Config, first, second, reason string) config.Problem {
	p := cfg.Problem("route."+second, -1, "takes the same requests as route."+first+": "+reason,
		"give one of them another host, path or method, or remove it")
	p.Message += ", at " + cfg.Problem("route."+first, -1, "", "").Place()
	return p
}

func rules(cfg *config.Config) []route.Rule {
	list := make([]route.Rule, len(cfg.Routes))
	groups := map[string]int{} // by policy; see snapshot.policyFor
	for i := range cfg.CORS {
		groups[cfg.CORS[i].Name] = i + 1
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		list[i] = route.Rule{Hosts: r.Hosts, Path: r.Path, Methods: r.Methods, Group: groups[r.CORS]}
	}
	return list
}

func edgeOptions(cfg *config.Config) edge.Options {
	available := descriptors.For(cfg)
	return edge.Options{
		Limits:           wire.Limits{HeadBytes: int(cfg.Limits.HeaderBytes), Fields: cfg.Limits.HeaderFields},
		Header:           cfg.Timeouts.Header,
		Idle:             cfg.Timeouts.Idle,
		BodyIdle:         cfg.Timeouts.BodyIdle,
		Connections:      available.Connections(cfg.Limits.Connections),
		Descriptors:      available.Last(),
		ConnectionsPerIP: cfg.Limits.ConnectionsPerIP,
		Proxies:          cfg.Trust.Proxies,
	}
}
