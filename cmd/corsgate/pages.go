package main

import (
	"net/netip"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/operators"
	"github.com/corsgate/corsgate/gateway/admin"
	"github.com/corsgate/corsgate/gateway/fetch"
)

// mayScrape reports whether admin.metrics_allow has an address.
func (p *process) mayScrape(from netip.Addr) bool {
	cfg, _ := p.gate.Config()
	return admin.MayScrape(cfg.Admin.MetricsAllow, from)
}

// pages returns the pages for operators.
func (p *process) pages() *admin.Admin {
	return &admin.Admin{
		Ready:    p.Ready,
		Status:   p.Status,
		Registry: p.gate.Registry(),
		Reload:   p.reload,
		Config:   func() any { return operators.Effective(p.gate.Config()) },
		Shadow:   func() any { return p.gate.ShadowDiffs() },
		Refused:  func() any { return p.gate.Refusals() },
		Explain: func(q fetch.Question) (any, error) {
			e, err := p.gate.Explain(q)
			return &e, err
		},
		Log: p.log.Logger,
	}
}

// Ready reports whether a client that connects to the gateway's addresses is served: by this process, or by its successor.
func (p *process) Ready() bool { return p.opened.Load() && p.gate.Ready() || p.handedOver.Load() }

// Status returns the status for operators and for the fleet.
func (p *process) Status() admin.Status {
	cfg, generation := p.gate.Config()
	s := admin.Status{Version: version(), Started: p.started, File: cfg.File, Revision: cfg.Revision, Generation: generation}
	var err error
	if s.Loaded, err = p.gate.LastReload(); err != nil {
		s.ReloadError = err.Error()
	}
	return s
}
