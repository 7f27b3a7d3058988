package gateway

import "github.com/prometheus/client_golang/prometheus"

// inFlight collects how many exchanges are under way, by endpoint as it is configured. Unlike the
// counters it is read from the snapshot in force when it is asked for: what a reload has removed is
// no more, and a request pays nothing for it.
type inFlight struct {
	g    *Gateway
	desc *prometheus.Desc
}

func newInFlight(g *Gateway) *inFlight {
	return &inFlight{g, prometheus.NewDesc("corsgate_upstream_in_flight", "Exchanges with an endpoint that are under way.",
		[]string{"upstream", "endpoint"}, nil)}
}

// Describe is part of prometheus.Collector.
func (c *inFlight) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect is part of prometheus.Collector.
func (c *inFlight) Collect(out chan<- prometheus.Metric) {
	for name, u := range c.g.current.Load().upstreams {
		n := map[string]int{} // by label: a name can stand for several servers
		for _, e := range u.config.Endpoints {
			n[e.URL] = 0
		}
		for _, e := range u.pool.Endpoints() {
			n[e.Address.Label] += e.InFlight()
		}
		for label, count := range n {
			out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(count), name, label)
		}
	}
}
