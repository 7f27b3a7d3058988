// Package descriptors shares out the file descriptors of the process (RLIMIT_NOFILE), so that connections of clients never take
// those that are needed elsewhere. It is internal to corsgate.
package descriptors

import (
	"runtime"
	"syscall"

	"github.com/corsgate/corsgate/gateway/config"
)

// The rules are:
//
//   - the gateway's own are its listening sockets, its event loops and their like, one for each active health check, and some to spare for
//     the admin listener, files, name servers, and what a reload holds twice;
//   - of the rest, clients have a third if nothing is configured: each may have one connection to an upstream, and as many
//     are kept for later, by each event loop for itself;
//   - if limits.connections is configured they have that, but never the eighth that upstreams need at least.
//
// Whatever the numbers say, no connection takes one of those that are spared: see edge.Options and upstream.Options.

const (
	spare          = 32
	leastOfClients = 16
)

// Shares are how many descriptors the process may have, and how many of them are its own.
type Shares struct{ Limit, Own int }

// For returns what a configuration needs.
func For(cfg *config.Config) Shares {
	d := Shares{Limit: 1 << 16}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		d.Limit = int(min(limit.Cur, 1<<21))
	}
	loops := runtime.GOMAXPROCS(0)
	d.Own = spare + 16 + 2*loops
	for i := range cfg.Listeners {
		d.Own += 2 * loops // a socket for each loop, and the loop's duplicate
		if cfg.Listeners[i].HTTP3 {
			d.Own += loops
		}
	}
	for i := range cfg.Upstreams {
		if cfg.Upstreams[i].Health != nil {
			d.Own += len(cfg.Upstreams[i].Endpoints)
		}
	}
	return d
}

// Most returns how many connections of clients there may be at all.
func (d Shares) Most() int { return max(leastOfClients, (d.Limit-d.Own)/8*7) }

// Connections returns limits.connections, n as configured, as it is in force.
func (d Shares) Connections(n int) int {
	if n > 0 {
		return min(n, d.Most())
	}
	return max(leastOfClients, (d.Limit-d.Own)/3)
}

// Last returns the first descriptor that no connection may have.
func (d Shares) Last() int { return max(1, d.Limit-spare) }
