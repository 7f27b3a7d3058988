package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Totals are numbers of requests since the process started. They never shrink, whatever a reload removes.
type Totals struct {
	// Requests are all that were answered.
	Requests uint64
	// Refused are the preflights and other requests that a policy said no to.
	Refused uint64
	// Failed are those answered with 5xx.
	Failed uint64
}

// Totals returns how much was done.
func (m *Metrics) Totals() (t Totals) {
	each(m.requests, func(labels map[string]string, n uint64) {
		t.Requests += n
		if labels["code_class"] == "5xx" {
			t.Failed += n
		}
	})
	for _, v := range []*prometheus.CounterVec{m.preflights, m.actual} {
		each(v, func(labels map[string]string, n uint64) {
			if labels["verdict"] == "denied" {
				t.Refused += n
			}
		})
	}
	return t
}

// each calls visit with each counter of v that has counted something.
func each(v *prometheus.CounterVec, visit func(labels map[string]string, n uint64)) {
	metrics := make(chan prometheus.Metric, 64)
	go func() { defer close(metrics); v.Collect(metrics) }()
	for metric := range metrics {
		var out dto.Metric
		if err := metric.Write(&out); err != nil || out.GetCounter().GetValue() == 0 {
			continue
		}
		labels := make(map[string]string, len(out.GetLabel()))
		for _, l := range out.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		visit(labels, uint64(out.GetCounter().GetValue()))
	}
}
