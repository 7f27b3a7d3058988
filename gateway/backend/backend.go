// Package backend compiles an [upstream.NAME] and serves it: its endpoints, splits among upstreams, copies for mirrors, counters
// and log lines. It is internal to corsgate.
package backend

import (
	"log/slog"
	"reflect"
	"time"

	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// ClassCut is what a failure is counted as that came after a response had begun, beside the classes of package upstream.
const ClassCut = "cut"

// An Upstream is a table [upstream.NAME] and what serves it. It is safe for concurrent use.
type Upstream struct {
	Name    string
	Config  config.Upstream
	Pool    *upstream.Upstream
	Metrics metrics.Upstream
	// Blocking says that only the blocking engine can make its exchanges.
	Blocking bool
	// Key is what the balance hashes; nil: it needs none.
	Key *Key
	// Failed, Cut and Ended sample the log's lines on exchanges.
	Failed, Cut, Ended logging.Sampler

	secure           certs.Client
	connections      int                // max_connections, as it is or as it is derived
	endpoints        []metrics.Endpoint // by the number of the configured endpoint
	failing, answers logging.Sampler    // of the log's lines on endpoints that are kept in use
}

// A Set has the upstreams of a configuration by name.
type Set map[string]*Upstream

// Compile makes the upstreams of a configuration, or reuses those of prev, which may be nil, that
// are unchanged, with their connections and the state of their endpoints. clients is how many
// connections clients may have, and descriptors the first descriptor that no connection may have.
// Nothing is started.
func Compile(cfg *config.Config, clients, descriptors int, prev Set, m *metrics.Metrics) (s Set, problems config.Problems) {
	s = Set{}
	for i := range cfg.Upstreams {
		c := &cfg.Upstreams[i]
		secure, faults := certs.ReadClient(cfg, "upstream."+c.Name, certs.ClientFiles{CA: c.TLSCA, Cert: c.TLSCert, Key: c.TLSKey})
		problems = append(problems, faults...)
		n := connectionsOf(c, clients)
		if old := prev[c.Name]; old != nil && reflect.DeepEqual(old.Config, *c) && old.connections == n && old.secure.Sum == secure.Sum {
			s[c.Name] = old
			continue
		}
		s[c.Name] = newUpstream(c, n, descriptors, secure, m)
	}
	return s, problems
}

// Start starts those of s that are not in prev, which may be nil, and waits a while for the look-ups of their names: requests
// will come that need them. What fails, or takes too long, is looked up further on. short is called, again and again, when a
// connection finds no descriptor.
func (s Set) Start(prev Set, short func(), log *slog.Logger) {
	for name, u := range s {
		if prev[name] != u {
			u.Pool.Changed = func(c upstream.Change) { u.noteChange(c, log) }
			u.Pool.OnExhausted = short
			u.noteLookups(log)
			u.Pool.Start()
		}
	}
	for _, u := range s {
		u.Pool.Settle()
	}
}

// Stop stops those of s that are not in next, which may be nil.
func (s Set) Stop(next Set) {
	for name, u := range s {
		if next[name] != u {
			u.Pool.Stop()
		}
	}
}

// Count counts a response of an endpoint.
func (u *Upstream) Count(e *upstream.Endpoint, status int) {
	u.endpoints[e.Address.Index].Responses.Count(status)
}

// balances are those of package upstream, as a configuration names them.
var balances = map[string]balance.Method{
	"p2c": balance.OfTwo, "round_robin": balance.RoundRobin, "least_in_flight": balance.LeastInFlight, "hash": balance.Hash,
}

// leastConnections is the least that max_connections is derived to be.
const leastConnections = 64

// connectionsOf returns max_connections of an upstream, or what it is derived from: half of what clients can have under way,
// so that one upstream that hangs does not take all of it, shared by its endpoints.
func connectionsOf(c *config.Upstream, clients int) int {
	if c.MaxConnections > 0 {
		return c.MaxConnections
	}
	return min(max(clients/2/max(len(c.Endpoints), 1), leastConnections), 1<<20)
}

func newUpstream(c *config.Upstream, connections, descriptors int, secure certs.Client, m *metrics.Metrics) *Upstream {
	u := &Upstream{Name: c.Name, Config: *c, connections: connections, secure: secure, Blocking: c.SendProxyProtocol, Key: NewKey(c.HashKey)}
	u.Metrics = m.Upstream(c.Name, append(upstream.Classes(), ClassCut))
	for _, e := range c.Endpoints {
		u.Blocking = u.Blocking || e.TLS
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
		FirstByteTimeout: OrNoBound(c.FirstByteTimeout),
		IdleTimeout:      OrNoBound(c.IdleTimeout),
		KeepAlive:        c.KeepAlive,
		Retries:          c.Retries,
		RetryBudget:      c.RetryBudget,
		Host:             c.Host,
		TLS:              secure.TLS,
		SendProxy:        c.SendProxyProtocol,
		Descriptors:      descriptors,
		Ejection: upstream.Ejection{Failures: c.Ejection.Failures,
			BaseTime: c.Ejection.BaseTime, MaxShare: c.Ejection.MaxShare},
		Retried: u.Metrics.Retries.Inc,
	}
	if h := c.Health; h != nil {
		opts.Health = &upstream.Health{Path: h.Path, Status: h.Status, Interval: h.Interval, Timeout: h.Timeout,
			Healthy: h.Healthy, Unhealthy: h.Unhealthy}
	}
	u.Pool = upstream.New(c.Name, addresses(c), opts)
	return u
}

// OrNoBound returns d, or for 0 a time that nothing reaches.
func OrNoBound(d time.Duration) time.Duration {
	if d == 0 {
		return 10 * 365 * 24 * time.Hour
	}
	return d
}

// noteChange logs a change of an endpoint's condition, once for each, and counts ejections.
func (u *Upstream) noteChange(c upstream.Change, log *slog.Logger) {
	attrs := []any{"upstream", u.Name, "endpoint", c.Endpoint.Address.Label, "address", c.Endpoint.Address.Dial}
	switch {
	case c.Failing:
		if _, ok := u.failing.Pass(time.Now()); ok {
			log.Warn("endpoint fails but stays in use: too few would be left", attrs...)
		}
		return
	case c.Usable && c.Kept:
		if _, ok := u.answers.Pass(time.Now()); ok {
			log.Info("endpoint no longer fails", attrs...)
		}
		return
	case c.Usable:
		log.Info("endpoint is back in use", attrs...)
		return
	}
	attrs = append(attrs, "reason", c.Reason)
	if c.For > 0 {
		u.endpoints[c.Endpoint.Address.Index].Ejections.Inc()
		attrs = append(attrs, "for", c.For.Round(time.Millisecond).String()) // in JSON a Duration would be a number
	}
	log.Warn("endpoint ejected", attrs...)
}
