package gateway

import (
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/prometheus/client_golang/prometheus"
)

// multiplexed tells Prometheus what HTTP/2 connections have met. Their sessions count it; it is read when it is asked for.
type multiplexed struct {
	server                          *edge.Server
	refused, resets, goAways, flood *prometheus.Desc
}

func newMultiplexed(s *edge.Server) *multiplexed {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("corsgate_http2_"+name, help, labels, nil)
	}
	return &multiplexed{
		server:  s,
		refused: desc("refused_streams_total", "Streams that were refused because their connection had too many open."),
		resets:  desc("resets_total", "RST_STREAM frames, by who sent them (client, gateway) and the error code.", "by", "code"),
		goAways: desc("goaways_total", "GOAWAY frames, by who sent them (client, gateway) and the error code.", "by", "code"),
		flood:   desc("floods_total", "Connections that were ended with ENHANCE_YOUR_CALM, by what the client did too often.", "kind"),
	}
}

// Describe is part of prometheus.Collector.
func (m *multiplexed) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.refused, m.resets, m.goAways, m.flood} {
		to <- d
	}
}

// Collect is part of prometheus.Collector.
func (m *multiplexed) Collect(to chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	c := m.server.HTTP2Counts()
	send(m.refused, c.Refused())
	for _, by := range []h2.Side{h2.Client, h2.Gateway} {
		for _, code := range h2.Codes() {
			send(m.resets, c.Resets(by, code), by.String(), code.String())
			send(m.goAways, c.GoAways(by, code), by.String(), code.String())
		}
	}
	for _, cause := range h2.Causes() {
		send(m.flood, c.Floods(cause), cause.String())
	}
}
