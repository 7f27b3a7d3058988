package upstream

import "time"

// This file takes endpoints out of use, by what exchanges and checks have shown, and back in.
// Exchanges only count; tend's goroutine alone decides, so that there is one place that knows how
// many are out, and no exchange waits for a lock.

// Ejection says when an endpoint is taken out of use because exchanges fail.
type Ejection struct {
	Failures int           // in a row; 0: never
	BaseTime time.Duration // for which it is out the first time; doubled at each repeat
	MaxShare float64       // of the endpoints that may be out at once
}

// Of ejections: how long one lasts at most, and how long an endpoint must have been in use without
// another for the next to be a first one again.
const (
	maxEjection   = 5 * time.Minute
	forgivenAfter = 5 * time.Minute
)

// A Change is what happened to the condition of an endpoint.
type Change struct {
	Endpoint *Endpoint
	Usable   bool          // it takes exchanges now
	Kept     bool          // it was in use before, and still is
	Failing  bool          // although it fails exchanges: too few would be left
	Reason   string        // for a person
	For      time.Duration // how long it is out; 0: until a check succeeds
}

// condition is an endpoint's health as far as it is known. Upstream.mu guards it.
type condition struct {
	unhealthy  string    // why, by active checks; "": it is healthy
	until      time.Time // it is ejected; zero: it is not
	times      int       // ejections in a row
	wasOut     bool      // when the endpoints were reviewed last
	wasFailing bool      // in use, although it only fails
	since      time.Time // it came back, or was added later; zero: neither
}

// out reports whether the endpoint is to get no exchanges. Precondition: Upstream.mu is held.
func (e *Endpoint) out() bool { return e.unhealthy != "" || !e.until.IsZero() }

// fails is how many failures in a row are those of an endpoint that only fails, where ejection has no say in it.
const fails = 5

// limit returns how many failures in a row are too many.
func (e *Endpoint) limit() int64 {
	if n := e.opts.Ejection.Failures; n > 0 {
		return int64(n)
	}
	return fails
}

// failing reports whether the endpoint has failed too often, whether or not it may be taken out for it.
func (e *Endpoint) failing() bool { return max(e.failures.Load(), e.dead.Load()) >= e.limit() }

// Spoke notes that something of a response has come: the endpoint is there, whatever it says.
func (e *Endpoint) Spoke() {
	if e.dead.Load() == 0 {
		return // a load is cheaper than a store to a line that others read
	}
	e.dead.Store(0)
	if e.upstream.down.CompareAndSwap(true, false) {
		e.upstream.kick() // it may be about to be set again, by a result from before
	}
}

// Succeeded notes a response that came to its end and does not say that the endpoint fails.
func (e *Endpoint) Succeeded() {
	if e.failures.Load() != 0 && e.failures.Swap(0) >= e.limit() {
		e.upstream.kick()
	}
}

// Failed notes an exchange that failed and not by the client's doing: no connection, a broken one, or a timeout.
func (e *Endpoint) Failed() {
	if e.failures.Add(1) >= e.limit() {
		e.upstream.kick()
	}
}

// failedBy notes an attempt that failed before its response began.
func (e *Endpoint) failedBy(f Failure) {
	if f.Received {
		e.Spoke()
	} else {
		e.dead.Add(1)
	}
	e.Failed()
}

// Answered notes a response that came to its end, by its status.
func (e *Endpoint) Answered(status int) {
	if status >= 502 && status <= 504 {
		e.Failed()
	} else {
		e.Succeeded()
	}
}

// review brings the condition of all endpoints up to date and returns when to do so again.
func (u *Upstream) review(now time.Time) (next time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := u.Endpoints()
	u.readmit(list, now)
	u.eject(list, now)
	changed := u.ramping
	for _, e := range list {
		if e.out() != e.wasOut {
			e.wasOut, changed = e.out(), true
			if !e.wasOut {
				e.since = now
			}
			u.tell(e, now)
		}
		u.tellFailing(e)
	}
	if changed {
		u.rebuild(list, now)
	}
	u.judge()
	next = time.Hour
	for _, e := range list {
		if !e.until.IsZero() {
			next = min(next, e.until.Sub(now))
		}
	}
	if u.ramping {
		next = min(next, max(u.opts.SlowStart/slowSteps, time.Millisecond))
	}
	return next
}

// readmit ends ejections whose time has passed. What failed then does not count any more, but the
// endpoint is on probation: the next failure is one too many.
func (u *Upstream) readmit(list []*Endpoint, now time.Time) {
	most := int64(u.opts.Ejection.Failures)
	for _, e := range list {
		if !e.until.IsZero() && !now.Before(e.until) {
			e.until = time.Time{}
			if e.failures.Load() >= most {
				e.failures.Store(most - 1)
			}
		}
	}
}

// eject takes endpoints out of use that have failed too often, as many as may be.
func (u *Upstream) eject(list []*Endpoint, now time.Time) {
	o := &u.opts.Ejection
	if o.Failures == 0 {
		return
	}
	may := int(o.MaxShare * float64(len(list)))
	for _, e := range list {
		if !e.until.IsZero() {
			may--
		}
	}
	for _, e := range list {
		if may <= 0 || !e.until.IsZero() || e.failures.Load() < int64(o.Failures) {
			continue
		}
		if !e.since.IsZero() && now.Sub(e.since) >= forgivenAfter {
			e.times = 0
		}
		d := o.BaseTime
		for range e.times {
			d = min(2*d, maxEjection)
		}
		e.until = now.Add(d)
		e.times++
		may--
	}
}

// tellFailing has Changed hear of an endpoint that only fails but stays in use, and of its end.
func (u *Upstream) tellFailing(e *Endpoint) {
	failing := e.failures.Load() >= e.limit() && !e.out() // what came before an ejection is forgiven for now
	if failing == e.wasFailing {
		return
	}
	e.wasFailing = failing
	if u.Changed != nil && !e.out() {
		u.Changed(Change{Endpoint: e, Usable: true, Kept: true, Failing: failing})
	}
}

// tell has Changed hear of an endpoint.
func (u *Upstream) tell(e *Endpoint, now time.Time) {
	if u.Changed == nil {
		return
	}
	c := Change{Endpoint: e, Usable: !e.out(), Reason: e.unhealthy}
	if !e.until.IsZero() {
		c.Reason, c.For = "requests failed in a row", e.until.Sub(now)
	}
	u.Changed(c)
}
