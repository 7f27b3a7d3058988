package upstream

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/balance"
	"github.com/corsgate/corsgate/gateway/upstream/discover"
)

// This file follows names: an address with a Finder stands for the servers that it finds, as many
// as there are at the time. The rules are:
//
//   - addresses stay in use until others are found, however often a look-up fails;
//   - a configured endpoint has one weight, which its servers share, by the weights of SRV records;
//   - of the servers of a name only those of the best priority get exchanges; others are for when
//     none of these can be used. See RFC 2782.

// A Finder finds the servers of a name. discover.Follower is one.
type Finder interface {
	// Look returns the servers and for how long that holds. With an error, the servers are those
	// known from before. It is called from one goroutine.
	Look(ctx context.Context) (servers []discover.Server, ttl time.Duration, err error)
}

// A Lookup is what came of looking up a name once.
type Lookup struct {
	Address Address // as it was configured
	Servers int     // that are known now
	Changed bool    // they are others than before, or Err is nil where it was not, or the other way round
	Err     error
}

// Of failed lookups: the time to the next, doubled at each failure in a row up to the other. A
// name server that is back should be noticed soon, and one query every few seconds costs it
// little. Up to half as much again is added at random, so that gateways do not ask together.
const (
	minBackoff = time.Second / 2
	maxBackoff = 4 * time.Second
)

// follow looks up the i-th configured address again and again, until ctx ends.
func (u *Upstream) follow(ctx context.Context, i int, looked func()) {
	var failed error
	backoff := minBackoff
	for {
		servers, wait, err := u.configured[i].Find.Look(ctx)
		if ctx.Err() != nil {
			looked()
			return
		}
		others := u.found(i, servers)
		looked()
		if u.Looked != nil {
			u.Looked(Lookup{u.configured[i], len(servers), others || (err == nil) != (failed == nil), err})
		}
		if failed = err; err == nil {
			backoff = minBackoff
			wait += rand.N(min(wait/10, time.Second/2) + 1) // Gateways that start together do not ask together.
		} else {
			wait = backoff + rand.N(backoff/2+1)
			backoff = min(2*backoff, maxBackoff)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// startFollowing begins the look-ups that are needed. Precondition: u.mu is held.
func (u *Upstream) startFollowing() {
	ctx, cancel := context.WithCancel(context.Background())
	u.stopFollowing = cancel
	for i, a := range u.configured {
		if a.Find != nil {
			u.looking.Add(1)
			done := false
			go u.follow(ctx, i, func() {
				if !done {
					done = true
					u.looking.Done()
				}
			})
		}
	}
	go func() { u.looking.Wait(); close(u.looked) }()
}

// Settle waits until all names have been looked up once since Start, well or not, but no longer
// after it than making a connection may take, as exchanges may wait that long for one.
// Precondition: Start was called.
func (u *Upstream) Settle() {
	t := time.NewTimer(time.Until(u.settled))
	defer t.Stop()
	select {
	case <-u.looked:
	case <-u.stop:
	case <-t.C:
	}
}

// found takes over what the name of the i-th configured address leads to, and reports whether that
// is something else than before.
func (u *Upstream) found(i int, servers []discover.Server) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if slices.Equal(u.servers[i], servers) {
		return false
	}
	u.servers[i] = servers
	u.setEndpoints(spread(u.configured, u.servers))
	return true
}

// spread returns configured with servers, those of each name, in the place of names.
func spread(configured []Address, servers [][]discover.Server) []Address {
	const unit = 10_000 // what a weight of 1 can be divided into
	var list []Address
	common := 0
	for i, a := range configured {
		if a.Find == nil {
			a.Weight *= unit
			list, common = append(list, a), balance.GCD(common, a.Weight)
			continue
		}
		sum, count := map[int]int{}, map[int]int{} // by priority
		for _, s := range servers[i] {
			sum[s.Priority] += s.Weight
			count[s.Priority]++
		}
		for _, s := range servers[i] {
			b := a
			b.Find, b.Dial, b.Priority = nil, s.Addr.String(), s.Priority
			if b.Weight *= unit; sum[s.Priority] == 0 {
				b.Weight /= count[s.Priority]
			} else if b.Weight > 0 { // A weight of 0 among others means a very small chance.
				b.Weight = max(1, b.Weight*s.Weight/sum[s.Priority])
			}
			list, common = append(list, b), balance.GCD(common, b.Weight)
		}
	}
	for i := range list {
		list[i].Weight /= max(1, common)
	}
	return list
}

// best returns for each configured address the best priority of its servers that can be used.
// Precondition: u.mu is held; drained says that the weights mean nothing.
func (u *Upstream) best(list []*Endpoint, drained bool) map[int]int {
	best := map[int]int{}
	for i, e := range list {
		a := &u.addresses[i]
		if p, known := best[a.Index]; !e.out() && (drained || a.Weight > 0) && (!known || a.Priority < p) {
			best[a.Index] = a.Priority
		}
	}
	return best
}
