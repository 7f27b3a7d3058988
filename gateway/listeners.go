package gateway

import (
	"slices"
	"sync"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/prometheus/client_golang/prometheus"
)

// listeners are those that accept, and those that have gone but still have connections. It tells
// Prometheus how many.
type listeners struct {
	mu   sync.Mutex
	all  []*edge.Listener
	desc *prometheus.Desc
}

func newListeners() *listeners {
	return &listeners{desc: prometheus.NewDesc("corsgate_connections", "Open connections of clients.", []string{"listener"}, nil)}
}

func (n *listeners) enter(l *edge.Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, l)
}

// leave forgets those that have nothing to do any more.
func (n *listeners) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = slices.DeleteFunc(n.all, func(l *edge.Listener) bool { return l.Retired() && l.Open() == 0 })
}

// Describe is part of prometheus.Collector.
func (n *listeners) Describe(to chan<- *prometheus.Desc) { to <- n.desc }

// Collect is part of prometheus.Collector.
func (n *listeners) Collect(to chan<- prometheus.Metric) {
	n.leave()
	open := map[string]int{}
	n.mu.Lock()
	for _, l := range n.all {
		open[l.Name] += l.Open()
	}
	n.mu.Unlock()
	for name, count := range open {
		to <- prometheus.MustNewConstMetric(n.desc, prometheus.GaugeValue, float64(count), name)
	}
}
