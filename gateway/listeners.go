package gateway

import (
	"slices"
	"sync"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/prometheus/client_golang/prometheus"
)

// listeners are those that accept, and those that have gone but still have connections. It tells
// Prometheus how many, and how many streams these have.
type listeners struct {
	mu      sync.Mutex
	all     []*edge.Listener
	desc    *prometheus.Desc
	streams *prometheus.Desc
}

func newListeners() *listeners {
	return &listeners{desc: prometheus.NewDesc("corsgate_connections", "Open connections of clients.", []string{"listener"}, nil),
		streams: prometheus.NewDesc("corsgate_streams", "Open streams: requests of HTTP/2 and HTTP/3 under way, and tunnels by them.", []string{"listener", "protocol"}, nil)}
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
func (n *listeners) Describe(to chan<- *prometheus.Desc) {
	to <- n.desc
	to <- n.streams
}

// Collect is part of prometheus.Collector.
func (n *listeners) Collect(to chan<- prometheus.Metric) {
	n.leave()
	open, streams := map[string]int{}, map[string][4]int{}
	n.mu.Lock()
	for _, l := range n.all {
		open[l.Name] += l.Open()
		s := streams[l.Name]
		s[2] += l.Streams(2)
		s[3] += l.Streams(3)
		streams[l.Name] = s
	}
	n.mu.Unlock()
	for name, count := range open {
		to <- prometheus.MustNewConstMetric(n.desc, prometheus.GaugeValue, float64(count), name)
	}
	for name, s := range streams {
		to <- prometheus.MustNewConstMetric(n.streams, prometheus.GaugeValue, float64(s[2]), name, "HTTP/2.0")
		to <- prometheus.MustNewConstMetric(n.streams, prometheus.GaugeValue, float64(s[3]), name, "HTTP/3.0")
	}
}
