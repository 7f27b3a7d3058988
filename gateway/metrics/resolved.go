package metrics

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/prometheus/client_golang/prometheus"
)

// This file resolves the counters of what a configuration names, when it is compiled.

// Classes count by the first digit of a status code.
type Classes [5]prometheus.Counter

func classes(v *prometheus.CounterVec, labels ...string) (c Classes) {
	for i, class := range []string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
		c[i] = v.WithLabelValues(append(labels[:len(labels):len(labels)], class)...)
	}
	return c
}

// Count counts a response. A status that is none is not counted.
func (c *Classes) Count(status int) {
	if status >= 100 && status < 600 {
		c[status/100-1].Inc()
	}
}

// A Route has the counters of one route. Without a policy, those of policies are nil.
type Route struct {
	Requests   Classes
	Duration   prometheus.Observer // seconds
	Overhead   prometheus.Observer // seconds
	Preflights struct {
		Hit      prometheus.Counter
		Computed [cors.NumReasons]prometheus.Counter
	}
	Actual    [cors.NumReasons]prometheus.Counter
	CSRF      prometheus.Counter
	conflicts map[string]prometheus.Counter // by lower-case field name
	other     prometheus.Counter            // a conflict in a field without a counter of its own
}

// ownedFields are the response fields that a policy owns; see cors.OwnedField.
var ownedFields = []string{
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
	"Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
}

// Route returns the counters of a route with a policy, or "", whose requests go to an upstream, or "".
func (m *Metrics) Route(name, policy, upstream string) (r Route) {
	if m.unread {
		return r
	}
	r.Requests = classes(m.requests, name)
	r.Duration, r.Overhead = m.duration.WithLabelValues(name), m.overhead.WithLabelValues(name)
	if policy == "" {
		return r
	}
	r.Preflights.Hit = m.preflights.WithLabelValues(policy, "allowed", cors.Allowed.String(), "hit")
	for i := range cors.NumReasons {
		reason, verdict := cors.Reason(i), "denied"
		if reason == cors.Allowed {
			verdict = "allowed"
		}
		r.Preflights.Computed[i] = m.preflights.WithLabelValues(policy, verdict, reason.String(), "miss")
		r.Actual[i] = m.actual.WithLabelValues(policy, verdict)
	}
	r.CSRF = m.csrf.WithLabelValues(policy)
	r.conflicts = make(map[string]prometheus.Counter, len(ownedFields))
	for _, field := range ownedFields {
		r.conflicts[strings.ToLower(field)] = m.conflicts.WithLabelValues(upstream, field)
	}
	r.other = m.conflicts.WithLabelValues(upstream, "other")
	return r
}

// Conflict counts a field that the upstream sent and the policy replaces. It is off the usual
// path: an upstream that leaves CORS to the gateway sends none.
func (r *Route) Conflict(name []byte) {
	c, ok := r.conflicts[strings.ToLower(string(name))]
	if !ok {
		c = r.other
	}
	c.Inc()
}

// Shadow returns the counter of a change that a policy's shadow would make.
func (m *Metrics) Shadow(policy, shadow, change string) prometheus.Counter {
	return m.shadow.WithLabelValues(policy, shadow, change)
}

// An Auth has the counters of one table [auth.NAME].
type Auth struct {
	Remembered, Verified prometheus.Counter
	By                   map[string]prometheus.Counter // by reason
}

// Auth returns the counters of a table, whose outcomes have these reasons.
func (m *Metrics) Auth(name string, reasons []string) Auth {
	if m.unread {
		return Auth{}
	}
	a := Auth{By: map[string]prometheus.Counter{}}
	for _, reason := range reasons {
		verdict := "refused"
		switch reason {
		case "remembered", "verified", "allowed":
			verdict = "admitted"
		}
		a.By[reason] = m.auth.WithLabelValues(name, verdict, reason)
	}
	a.Remembered, a.Verified = a.By["remembered"], a.By["verified"]
	return a
}

// A Limit has the counters of one rate limit.
type Limit struct {
	RefusedRequests, RefusedPreflights prometheus.Counter
	Evicted                            prometheus.Counter
}

// Limit returns the counters of a rate limit.
func (m *Metrics) Limit(name string) Limit {
	return Limit{m.limited.WithLabelValues(name, "request"), m.limited.WithLabelValues(name, "preflight"), m.evictions.WithLabelValues(name)}
}

// A SharedLimit has the further counters of a rate limit that is kept in Redis.
type SharedLimit struct {
	Charged, Leased, Returned prometheus.Counter
	Alone                     prometheus.Counter // decided without Redis
}

// SharedLimit returns the further counters of a rate limit that is kept in Redis.
func (m *Metrics) SharedLimit(name string) SharedLimit {
	events := func(kind string) prometheus.Counter { return m.redisEvents.WithLabelValues(name, kind) }
	return SharedLimit{events("charged"), events("leased"), events("returned"), m.redisAlone.WithLabelValues(name)}
}

// An Upstream has the counters of one upstream.
type Upstream struct {
	Retries  prometheus.Counter
	Failures map[string]prometheus.Counter // by class
}

// Upstream returns the counters of an upstream that can fail in these ways.
func (m *Metrics) Upstream(name string, classes []string) Upstream {
	if m.unread {
		return Upstream{Retries: m.retries.WithLabelValues(name)}
	}
	u := Upstream{m.retries.WithLabelValues(name), map[string]prometheus.Counter{}}
	for _, class := range classes {
		u.Failures[class] = m.failures.WithLabelValues(name, class)
	}
	return u
}

// An Endpoint has the counters of one endpoint of an upstream, as it is configured.
type Endpoint struct {
	Responses      Classes
	Ejections      prometheus.Counter
	LookupFailures prometheus.Counter // nil: it is not looked up
}

// Endpoint returns the counters of an endpoint. found says that it is a name, by which servers are looked up.
func (m *Metrics) Endpoint(upstream, endpoint string, found bool) Endpoint {
	if m.unread {
		return Endpoint{}
	}
	e := Endpoint{Responses: classes(m.upstreamRequests, upstream, endpoint), Ejections: m.ejections.WithLabelValues(upstream, endpoint)}
	if found {
		e.LookupFailures = m.lookupFailures.WithLabelValues(upstream, endpoint)
	}
	return e
}

// A Mirror has the counters of the copies that a route's mirror is sent.
type Mirror struct{ Answered, Failed, Dropped, Skipped prometheus.Counter }

// Mirror returns the counters of a route's mirror.
func (m *Metrics) Mirror(route string) Mirror {
	counter := func(outcome string) prometheus.Counter { return m.mirror.WithLabelValues(route, outcome) }
	return Mirror{counter("answered"), counter("failed"), counter("dropped"), counter("skipped")}
}
