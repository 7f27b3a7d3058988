package gateway

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/upstream"
)

// This file is what the gateway has to do with upstreams as such: it makes them, chooses among
// their endpoints for an exchange, and tells of their condition.

// upstreamPool is an upstream with the counters of its endpoints.
type upstreamPool struct {
	name        string
	config      config.Upstream
	secure      certs.Client
	connections int  // max_connections, as it is or as it is derived
	blocking    bool // only the blocking engine can make its exchanges
	pool        *upstream.Upstream
	metrics     metrics.Upstream
	endpoints   []metrics.Endpoint // by the number of the configured endpoint
	hashKey     *hashKey           // nil: the balance needs none

	failed, cut, ended logging.Sampler // of the log's lines on exchanges
	failing, answers   logging.Sampler // of those on endpoints that are kept in use
}

func (u *upstreamPool) count(e *upstream.Endpoint, status int) {
	u.endpoints[e.Address.Index].Responses.Count(status)
}

// balances are those of package upstream, as a configuration names them.
var balances = map[string]upstream.Balance{
	"p2c": upstream.OfTwo, "round_robin": upstream.RoundRobin, "least_in_flight": upstream.LeastInFlight, "hash": upstream.Hash,
}

// leastConnections is the least that max_connections is derived to be.
const leastConnections = 64

// connectionsOf returns max_connections of an upstream, or what it is derived from: half of what clients can have under way,
// so that one upstream that hangs does not take all of it, shared by its endpoints.
func (s *snapshot) connectionsOf(c *config.Upstream) int {
	if c.MaxConnections > 0 {
		return c.MaxConnections
	}
	return min(max(s.edge.Connections/2/max(len(c.Endpoints), 1), leastConnections), 1<<20)
}

func compileUpstream(c *config.Upstream, connections int, files certs.Client, prev *snapshot, m *metrics.Metrics) *upstreamPool {
	if prev != nil {
		if old := prev.upstreams[c.Name]; old != nil && reflect.DeepEqual(old.config, *c) && old.connections == connections && old.secure.Sum == files.Sum {
			return old
		}
	}
	u := &upstreamPool{name: c.Name, config: *c, connections: connections, secure: files, blocking: c.SendProxyProtocol, hashKey: compileHashKey(c.HashKey)}
	u.metrics = m.Upstream(c.Name, append(upstream.Classes(), failureCut))
	for _, e := range c.Endpoints {
		u.blocking = u.blocking || e.TLS
		u.endpoints = append(u.endpoints, m.Endpoint(c.Name, e.URL, e.Discovery != ""))
	}
	opts := upstream.Options{
		Balance:          balances[c.Balance],
		SlowStart:        c.SlowStart,
		MaxConnections:   connections,
		MaxStreams:       c.MaxStreams,
		MaxQueue:         c.MaxQueue,
		QueueTimeout:     c.QueueTimeout,
		ConnectTimeout:   c.ConnectTimeout,
		FirstByteTimeout: orNoBound(c.FirstByteTimeout),
		IdleTimeout:      orNoBound(c.IdleTimeout),
		KeepAlive:        c.KeepAlive,
		Retries:          c.Retries,
		RetryBudget:      c.RetryBudget,
		Host:             c.Host,
		TLS:              files.TLS,
		SendProxy:        c.SendProxyProtocol,
		Ejection: upstream.Ejection{Failures: c.Ejection.Failures,
			BaseTime: c.Ejection.BaseTime, MaxShare: c.Ejection.MaxShare},
		Retried: u.metrics.Retries.Inc,
	}
	if h := c.Health; h != nil {
		opts.Health = &upstream.Health{Path: h.Path, Status: h.Status, Interval: h.Interval, Timeout: h.Timeout,
			Healthy: h.Healthy, Unhealthy: h.Unhealthy}
	}
	u.pool = upstream.New(c.Name, addresses(c), opts)
	return u
}

// orNoBound returns d, or for 0 a time that nobody waits for.
func orNoBound(d time.Duration) time.Duration {
	if d == 0 {
		return 10 * 365 * 24 * time.Hour
	}
	return d
}

// noteChange tells of a change of an endpoint's condition, once for each, and counts ejections.
func (g *Gateway) noteChange(u *upstreamPool, c upstream.Change) {
	attrs := []any{"upstream", u.name, "endpoint", c.Endpoint.Address.Label, "address", c.Endpoint.Address.Dial}
	switch {
	case c.Failing:
		if _, ok := u.failing.Pass(time.Now()); ok {
			g.log.Warn("endpoint fails, and is kept in use: too few would be left", attrs...)
		}
		return
	case c.Usable && c.Kept:
		if _, ok := u.answers.Pass(time.Now()); ok {
			g.log.Info("endpoint no longer fails", attrs...)
		}
		return
	case c.Usable:
		g.log.Info("endpoint takes requests again", attrs...)
		return
	}
	attrs = append(attrs, "reason", c.Reason)
	if c.For > 0 {
		u.endpoints[c.Endpoint.Address.Index].Ejections.Inc()
		attrs = append(attrs, "for", c.For.Round(time.Millisecond).String()) // in JSON a Duration would be a number
	}
	g.log.Warn("endpoint taken out of use", attrs...)
}

// aim makes x.attempts ready for the exchange with the route's upstream.
func (x *exchange) aim() {
	a := &x.attempts
	a.To, a.Deadline = x.route.upstream.pool, time.Time{}
	a.Allowed, a.StreamIdle = 0, orNoBound(x.route.streamIdle.Time)
	switch d := x.route.timeout; {
	case d == config.Auto:
		a.Allowed, a.Deadline = config.AutoTimeout, x.now.Add(config.AutoTimeout)
	case d > 0:
		a.Deadline = x.now.Add(d)
	}
	a.Idempotent = upstream.IsIdempotent(x.req.Method)
	a.Hashed = false
	if key := x.route.upstream.hashKey; key != nil {
		a.Hash, a.Hashed = key.hash(x)
	}
	a.Begin()
}

// UpstreamStatus is what can be told of an upstream at one time.
type UpstreamStatus struct {
	Name      string
	Endpoints []upstream.Status
}

// Upstreams returns what can be told of each upstream now, by name.
func (g *Gateway) Upstreams() []UpstreamStatus {
	var list []UpstreamStatus
	for name, u := range g.current.Load().upstreams {
		list = append(list, UpstreamStatus{name, u.pool.Status()})
	}
	slices.SortFunc(list, func(a, b UpstreamStatus) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// A condition is what can be told of a configured endpoint at one time.
type condition struct {
	upstream, endpoint string
	named              bool // it stands for the servers that its name leads to
	servers            int
	healthy, failing   float64 // 0 or 1; of a name the share of its servers
	known              bool    // it is checked, or there were requests for it
	inFlight, streams  int
}

// conditions visits what can be told now of each configured endpoint. One that stands for several servers, because its name
// is looked up, counts by the share of them that can be used: an address that a name leads to makes no series of its own.
func (s *snapshot) conditions(visit func(c *condition)) {
	for name, u := range s.upstreams {
		list := make([]condition, len(u.config.Endpoints))
		for _, e := range u.pool.Status() {
			c := &list[e.Index]
			c.servers++
			switch {
			case e.Usable && e.Failing:
				c.failing++
			case e.Usable:
				c.healthy++
			}
			c.known = c.known || e.Checked || e.Used
		}
		for _, e := range u.pool.Endpoints() {
			c := &list[e.Address.Index]
			c.inFlight += e.InFlight()
			c.streams += e.Streams()
		}
		for i, e := range u.config.Endpoints {
			c := &list[i]
			c.upstream, c.endpoint, c.named = name, e.URL, e.Discovery != ""
			n := float64(max(c.servers, 1))
			c.healthy, c.failing = c.healthy/n, c.failing/n
			visit(c)
		}
	}
}

// warn logs the outcome of an exchange with an upstream, at most once per second for each sampler.
func (x *exchange) warn(what string, s *logging.Sampler, attrs ...any) {
	held, ok := s.Pass(time.Now())
	if !ok {
		return
	}
	attrs = append([]any{"route", x.route.name, "upstream", x.route.upstream.name}, attrs...)
	if attrs = append(attrs, "request_id", string(x.requestID())); held > 0 {
		attrs = append(attrs, "more_before", held)
	}
	x.g.log.Warn(what, attrs...)
}
