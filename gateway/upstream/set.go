package upstream

import (
	"slices"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// A set is the endpoints of an upstream at one time. It is never written to: what changes makes
// another one. A pick loads it once.
type set struct {
	endpoints []*Endpoint // in the order of the addresses
	authority []byte      // of the first; "": none

	active []*Endpoint // those that take exchanges; if there are any endpoints, at least one
	choice balance.Set // by the numbers of active
}

// Endpoints returns the endpoints of now, in the order of their addresses. The slice must not be
// changed.
func (u *Upstream) Endpoints() []*Endpoint { return u.set.Load().endpoints }

// SetEndpoints replaces the endpoints. Those whose address stays remain what they are, with their
// connections and their health; their weight may change. Those that leave lose their idle
// connections now, others after the exchange that uses them. It may be called at any time, also
// with no address: then exchanges fail.
func (u *Upstream) SetEndpoints(addresses []Address) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.setEndpoints(addresses)
}

// setEndpoints is SetEndpoints. Precondition: u.mu is held.
func (u *Upstream) setEndpoints(addresses []Address) {
	known := map[string]*Endpoint{}
	for _, e := range u.Endpoints() {
		known[e.Address.id()] = e
	}
	had, now := len(known) > 0, time.Now()
	var list []*Endpoint
	for _, a := range addresses {
		e := known[a.id()]
		if e == nil {
			e = newEndpoint(a, u)
			if had {
				e.since = now
			}
		}
		delete(known, a.id())
		list = append(list, e)
		if u.stopped {
			e.conns.Close()
		}
	}
	u.addresses = slices.Clone(addresses)
	u.rebuild(list, now)
	for _, e := range known {
		e.conns.Close()
		e.stopChecks()
	}
	if u.started && !u.stopped {
		u.startChecks()
	}
	u.kick()
}

// rebuild makes the set of list; u.addresses contains the weights. Precondition: u.mu is held.
func (u *Upstream) rebuild(list []*Endpoint, now time.Time) {
	s := &set{endpoints: list}
	if len(list) > 0 {
		s.authority = []byte(list[0].Address.authority())
	}
	drained := !slices.ContainsFunc(u.addresses, func(a Address) bool { return a.Weight > 0 })
	best := u.best(list, drained)
	all, n := int64(0), 0 // the weight and number of all, whether they can be used or not
	var out []*Endpoint   // those that cannot
	var usable, unusable []balance.Weighted
	const unit = 1000 // so that there are fractions for the slow start
	u.ramping = false
	for i, e := range list {
		w := int64(u.addresses[i].Weight)
		if drained {
			w = 1
		}
		if first, known := best[u.addresses[i].Index]; w == 0 || known && u.addresses[i].Priority > first {
			continue
		}
		all, n = all+w*unit, n+1
		if e.out() {
			out, unusable = append(out, e), append(unusable, balance.Weighted{Member: &e.load, Weight: w * unit})
			continue
		}
		r := u.ramp(e, now)
		u.ramping = u.ramping || r < 1
		s.active = append(s.active, e)
		usable = append(usable, balance.Weighted{Member: &e.load, Weight: max(1, int64(float64(w*unit)*r))})
	}
	if u.panicking = len(s.active) == 0 && len(out) > 0; u.panicking {
		s.active, usable = out, unusable // to try is better than to refuse
	}
	points := 0.
	if n > 0 {
		points = balance.Points(float64(n)/float64(all), len(list))
	}
	s.choice = balance.New(u.opts.Balance, &u.totals, usable, points)
	u.set.Store(s)
	s.choice.Settle()
}

// Pick chooses an endpoint, or returns nil if the set is empty.
func (u *Upstream) Pick(c *balance.Choice) *Endpoint {
	s := u.set.Load()
	if i := s.choice.Pick(c); i >= 0 {
		return s.active[i]
	}
	return nil
}

// ramp returns the share of its weight that an endpoint has now: less than 1 for the slow_start
// time after it has come, or come back.
func (u *Upstream) ramp(e *Endpoint, now time.Time) float64 {
	if e.since.IsZero() || u.opts.SlowStart <= 0 {
		return 1
	}
	return min(1, max(1./slowSteps, float64(now.Sub(e.since))/float64(u.opts.SlowStart)))
}

// slowSteps is the number of steps of a slow start, and what the first is a part of.
const slowSteps = 10

// An Address says where an endpoint is.
type Address struct {
	Label         string // as the configuration writes it, for logs and metrics
	Index         int    // the number of that among the upstream's configured endpoints
	Weight        int    // relative to the others; 0: it takes no exchanges, unless all have 0
	Priority      int    // of those of an Index: it takes exchanges if none of a lower number can
	Network, Dial string // as net.Dial takes them
	Authority     string // sent as Host where the client gave none; "": Dial
	ServerName    string // to ask for and to verify by TLS; "": the endpoint does not speak it

	// Find finds the servers that the address stands for, from Start to Stop; Dial is not used
	// then. nil: it stands for one, at Dial. Only New takes such addresses.
	Find Finder
}

// id tells addresses apart.
func (a *Address) id() string { return a.Label + " " + a.Network + " " + a.Dial }

func (a *Address) authority() string {
	switch {
	case a.Authority != "":
		return a.Authority
	case a.Network == "unix":
		return "localhost"
	}
	return a.Dial
}
