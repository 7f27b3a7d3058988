package gateway

import (
	"slices"
	"sync"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// listeners are those that accept, and those that have gone but still have connections.
type listeners struct {
	mu  sync.Mutex
	all []*edge.Listener
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

// open tells how many connections each listener has, by name.
func (n *listeners) open(emit metrics.Emit) {
	for name, open := range n.sum((*edge.Listener).Open) {
		emit(float64(open), name)
	}
}

// streams tells how many streams of HTTP/2 and HTTP/3 each listener has, by name and protocol.
func (n *listeners) streams(emit metrics.Emit) {
	for major, protocol := range map[int]string{2: "HTTP/2.0", 3: "HTTP/3.0"} {
		for name, open := range n.sum(func(l *edge.Listener) int { return l.Streams(major) }) {
			emit(float64(open), name, protocol)
		}
	}
}

// sum adds what listeners of the same name have.
func (n *listeners) sum(of func(l *edge.Listener) int) map[string]int {
	n.leave()
	sums := map[string]int{}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.all {
		sums[l.Name] += of(l)
	}
	return sums
}
