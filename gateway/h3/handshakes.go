package h3

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/edge"
)

// handshakes counts those that are under way.
type handshakes struct {
	all atomic.Int64

	mu       sync.Mutex // of prefixes, and of what makes all greater
	prefixes map[netip.Prefix]int
}

// begin counts one more, from an address that may not be the client's own. It reports false if there are most already, or too many
// from that address; otherwise end must follow.
func (q *handshakes) begin(from netip.Addr, most int) bool {
	prefix := edge.CountedPrefix(from)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.all.Load() >= int64(max(1, most)) || q.prefixes[prefix] >= max(1, most/addressShare) {
		return false
	}
	if q.prefixes == nil {
		q.prefixes = make(map[netip.Prefix]int)
	}
	q.prefixes[prefix]++
	q.all.Add(1)
	return true
}

// end takes back one begin.
func (q *handshakes) end(from netip.Addr) {
	prefix := edge.CountedPrefix(from)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all.Add(-1)
	if q.prefixes[prefix]--; q.prefixes[prefix] == 0 {
		delete(q.prefixes, prefix)
	}
}
