package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/prometheus/client_golang/prometheus"
)

// This file is what a gateway says of itself: to its fleet, and to Prometheus.

// seenEvery is how often a gateway tells the fleet what pages have asked.
const seenEvery = time.Minute

// maxSeen bounds how much of it.
const maxSeen = 64

// report is what the fleet is told of this gateway.
func (m *fleetNode) report() fleet.Node {
	p := m.p
	t := p.gate.Totals()
	n := fleet.Node{Version: version(), Ready: p.ready(), Started: p.started, Requests: t.Requests, Refused: t.Refused, Failed: t.Failed}
	if cfg, _ := p.gate.Config(); len(cfg.Listeners) > 0 {
		if n.Address = p.gate.Addr(cfg.Listeners[0].Name); n.Address == "" {
			n.Address = string(cfg.Listeners[0].Address)
		}
	}
	if _, err := p.gate.LastReload(); err != nil {
		n.Error = err.Error()
	}
	return n
}

// tell tells the fleet what pages have asked here, now and then, until ctx is done. That this fails is how the gateway
// learns that etcd cannot be reached.
func (m *fleetNode) tell(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		text, err := json.Marshal(m.p.gate.Seen(maxSeen))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		err = m.store.See(ctx, m.name, string(text))
		if ctx.Err() == nil {
			m.heard.Store(err == nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// metrics registers what is measured of m.
func (m *fleetNode) metrics() {
	gauge := func(name, help string, value func() float64) {
		m.p.gate.Registry().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "corsgate_fleet_" + name, Help: help}, value))
	}
	gauge("revision", "Number of the fleet's revision that is in force here, or 0.", func() float64 { return float64(m.inForce.Load()) })
	gauge("wanted_revision", "Number of the fleet's revision that is to be in force here.", func() float64 { return float64(m.wanted.Load()) })
	gauge("kept_revision", "Number of the fleet's revision that is kept on disk, or 0.", func() float64 { return float64(m.onDisk.Load()) })
	gauge("connected", "1 if etcd answered when it was asked last; it is asked once a minute.", func() float64 {
		if m.heard.Load() {
			return 1
		}
		return 0
	})
}
