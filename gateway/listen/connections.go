package listen

import (
	"slices"
	"strconv"
	"sync"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// connections are the listeners that accept, and those that have gone but still have connections.
type connections struct {
	mu  sync.Mutex
	all []*edge.Listener
}

func (n *connections) enter(l *edge.Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, l)
}

// leave forgets those that have nothing to do any more.
func (n *connections) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = slices.DeleteFunc(n.all, func(l *edge.Listener) bool { return l.Retired() && l.Open() == 0 })
}

// Connections tells how many connections each listener has, by name.
func (s *Set) Connections(emit metrics.Emit) {
	for name, open := range s.connections.sum((*edge.Listener).Open) {
		emit(float64(open), name)
	}
}

// Streams tells how many streams of HTTP/2 and HTTP/3 each listener has, by name and protocol.
func (s *Set) Streams(emit metrics.Emit) {
	for major, protocol := range map[int]string{2: "HTTP/2.0", 3: "HTTP/3.0"} {
		for name, open := range s.connections.sum(func(l *edge.Listener) int { return l.Streams(major) }) {
			emit(float64(open), name, protocol)
		}
	}
}

// sum adds what listeners of the same name have.
func (n *connections) sum(of func(l *edge.Listener) int) map[string]int {
	n.leave()
	sums := map[string]int{}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.all {
		sums[l.Name] += of(l)
	}
	return sums
}

// LoopConnections tells how many connections each event loop has: the kernel chooses the loop of a connection, by a hash, so
// a few busy connections can make one loop work more than the others.
func (s *Set) LoopConnections(emit metrics.Emit) {
	if loops := s.running.Load(); loops != nil {
		for i, l := range *loops {
			emit(float64(l.Clients()), strconv.Itoa(i))
		}
	}
}
