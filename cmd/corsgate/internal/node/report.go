package node

import (
	"context"
	"encoding/json"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/prometheus/client_golang/prometheus"
)

// This file holds what a gateway reports about itself: to its fleet, and to Prometheus.

// seenEvery is how often a gateway tells the fleet which requests pages have made.
const seenEvery = time.Minute

// maxSeen bounds the number of these requests.
const maxSeen = 64

// report returns the gateway's entry in the fleet.
func (n *Node) report() fleet.Node {
	t, s := n.gate.Totals(), n.process.Status()
	entry := fleet.Node{Version: s.Version, Ready: n.process.Ready(), Started: s.Started, Error: s.ReloadError,
		Requests: t.Requests, Refused: t.Refused, Failed: t.Failed}
	if cfg, _ := n.gate.Config(); len(cfg.Listeners) > 0 {
		if entry.Address = n.gate.Addr(cfg.Listeners[0].Name); entry.Address == "" {
			entry.Address = string(cfg.Listeners[0].Address)
		}
	}
	return entry
}

// tell tells the fleet which requests pages have made here, again and again, until ctx is done. By its failure the gateway
// learns that etcd cannot be reached.
func (n *Node) tell(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		text, err := json.Marshal(n.gate.Seen(maxSeen))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		err = n.store.See(ctx, n.name, string(text))
		if ctx.Err() == nil {
			n.heard.Store(err == nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// metrics registers the metrics of n.
func (n *Node) metrics() {
	gauge := func(name, help string, value func() float64) {
		n.gate.Registry().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "corsgate_fleet_" + name, Help: help}, value))
	}
	gauge("revision", "Number of the fleet's revision that is in force here, or 0.", func() float64 { return float64(n.inForce.Load()) })
	gauge("wanted_revision", "Number of the fleet's revision that is to be in force here.", func() float64 { return float64(n.wanted.Load()) })
	gauge("kept_revision", "Number of the fleet's revision that is kept on disk, or 0.", func() float64 { return float64(n.onDisk.Load()) })
	gauge("connected", "1 if etcd answered when it was asked last; it is asked once a minute.", func() float64 {
		if n.heard.Load() {
			return 1
		}
		return 0
	})
}
