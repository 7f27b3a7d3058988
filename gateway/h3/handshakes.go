package h3

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/edge"
)

// handshakes are those of QUIC that are under way.
type handshakes struct {
	all atomic.Int64

	mu    sync.Mutex // of sites, and of what makes all greater
	sites map[netip.Prefix]int
}

// begin counts one more, of an address that may not be the client's own. It reports false if there are most already, or too many
// of that address; otherwise end must follow.
func (q *handshakes) begin(from netip.Addr, most int) bool {
	site := edge.SiteOf(from)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.all.Load() >= int64(max(1, most)) || q.sites[site] >= max(1, most/siteShare) {
		return false
	}
	if q.sites == nil {
		q.sites = make(map[netip.Prefix]int)
	}
	q.sites[site]++
	q.all.Add(1)
	return true
}

// end takes back one begin.
func (q *handshakes) end(from netip.Addr) {
	site := edge.SiteOf(from)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all.Add(-1)
	if q.sites[site]--; q.sites[site] == 0 {
		delete(q.sites, site)
	}
}
