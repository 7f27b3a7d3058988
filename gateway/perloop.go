package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// perLoop collects how many connections each event loop has: the kernel chooses the loop of a connection, by a hash, so a few
// busy connections can make one loop work more than the others. It is read when it is asked for; a request pays nothing.
type perLoop struct {
	g    *Gateway
	desc *prometheus.Desc
}

func newPerLoop(g *Gateway) *perLoop {
	return &perLoop{g, prometheus.NewDesc("corsgate_loop_connections", "Open connections of clients that an event loop serves.", []string{"loop"}, nil)}
}

// Describe is part of prometheus.Collector.
func (c *perLoop) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect is part of prometheus.Collector.
func (c *perLoop) Collect(out chan<- prometheus.Metric) {
	loops := c.g.turning.Load()
	if loops == nil {
		return
	}
	for i, l := range *loops {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(l.Clients()), strconv.Itoa(i))
	}
}
