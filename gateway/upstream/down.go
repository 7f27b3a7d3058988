package upstream

import "time"

// This file is about upstreams without an endpoint that answers. If each request had to find
// that out again, each would wait for connect_timeout, or longer, and a returning endpoint
// would be met by all of them at once. So most are refused at once, and a few a second are sent
// as usual: the first that gets a response, of any status, ends it.

// triedEvery is how often a request of an upstream that is down may try whether it still is.
const triedEvery = 250 * time.Millisecond

// judge sees whether all endpoints that take exchanges have failed too often, in a row and without a
// response. Precondition: u.mu is held.
func (u *Upstream) judge() {
	limit := int64(u.opts.Ejection.Failures)
	active := u.set.Load().active
	down := limit > 0 && len(active) > 0
	for i := range active {
		down = down && active[i].dead.Load() >= limit
	}
	u.down.Store(down)
}

// mayTry reports whether an exchange may be sent although the upstream is down.
func (u *Upstream) mayTry(now time.Time) bool {
	last, at := u.tried.Load(), now.UnixNano()
	return at-last >= int64(triedEvery) && u.tried.CompareAndSwap(last, at)
}
