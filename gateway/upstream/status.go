package upstream

import "time"

// A Status is what can be told of an endpoint at one time.
type Status struct {
	URL          string // as the configuration writes it
	Address      string // where it is, as net.Dial takes it
	Index        int    // the number of URL among the upstream's endpoints
	Weight       int
	Usable       bool      // it was healthy and not ejected when the set that takes exchanges was made
	Failing      bool      // exchanges with it have failed in a row, whether or not it was taken out of use for that
	Checked      bool      // by active checks
	Used         bool      // there were exchanges with it
	Unhealthy    string    // what the last check said; "": it is healthy, or not checked
	EjectedUntil time.Time // zero: it is not ejected
	InFlight     int64     // exchanges now
	Waiting      int64     // in the queue
}

// Status returns what can be told of each endpoint now, in their order.
func (u *Upstream) Status() []Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	var list []Status
	for i, e := range u.Endpoints() {
		list = append(list, Status{
			URL: e.Address.Label, Address: e.Address.Dial, Index: e.Address.Index, Weight: u.addresses[i].Weight,
			Usable: !e.wasOut, Failing: e.failing(), Checked: e.opts.Health != nil, Used: e.entered.Load() > 0, Unhealthy: e.unhealthy, EjectedUntil: e.until,
			InFlight: int64(e.InFlight()), Waiting: e.waiting.Load(),
		})
	}
	return list
}
