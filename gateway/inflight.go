package gateway

import "github.com/prometheus/client_golang/prometheus"

// inFlight collects how many exchanges are under way, by endpoint as it is configured. Unlike the
// counters it is read from the snapshot in force when it is asked for: what a reload has removed is
// no more, and a request pays nothing for it.
type inFlight struct {
	g       *Gateway
	desc    *prometheus.Desc
	streams *prometheus.Desc
}

func newInFlight(g *Gateway) *inFlight {
	return &inFlight{g, prometheus.NewDesc("corsgate_upstream_in_flight", "Exchanges with an endpoint that are under way.",
		[]string{"upstream", "endpoint"}, nil), prometheus.NewDesc("corsgate_upstream_streams",
		"Tunnels and event streams at an endpoint, which are not among the exchanges under way.", []string{"upstream", "endpoint"}, nil)}
}

// Describe is part of prometheus.Collector.
func (c *inFlight) Describe(out chan<- *prometheus.Desc) {
	out <- c.desc
	out <- c.streams
}

// Collect is part of prometheus.Collector.
func (c *inFlight) Collect(out chan<- prometheus.Metric) {
	for name, u := range c.g.current.Load().upstreams {
		exchanges, streams := map[string]int{}, map[string]int{} // by label: a name can stand for several servers
		for _, e := range u.config.Endpoints {
			exchanges[e.URL] = 0
		}
		for _, e := range u.pool.Endpoints() {
			exchanges[e.Address.Label] += e.InFlight()
			streams[e.Address.Label] += e.Streams()
		}
		for label, n := range exchanges {
			out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), name, label)
			out <- prometheus.MustNewConstMetric(c.streams, prometheus.GaugeValue, float64(streams[label]), name, label)
		}
	}
}
