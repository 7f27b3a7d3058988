package gateway

import "github.com/prometheus/client_golang/prometheus"

// limitBytes collects how much memory the tables of rate limits have: they grow with the keys that clients come with, up to a
// bound. It is read when it is asked for; a request pays nothing.
type limitBytes struct {
	g    *Gateway
	desc *prometheus.Desc
}

func newLimitBytes(g *Gateway) *limitBytes {
	return &limitBytes{g, prometheus.NewDesc("corsgate_limit_table_bytes", "Memory of the tables of a rate limit, at most.", []string{"limit"}, nil)}
}

// Describe is part of prometheus.Collector.
func (c *limitBytes) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect is part of prometheus.Collector.
func (c *limitBytes) Collect(out chan<- prometheus.Metric) {
	for name, l := range c.g.current.Load().limits {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(l.requests.bytes()+l.preflights.bytes()), name)
	}
}
