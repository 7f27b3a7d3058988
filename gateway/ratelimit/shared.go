package ratelimit

import (
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/limit/shared"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/prometheus/client_golang/prometheus"
)

// This file keeps what gateways share: limits whose store is Redis. The rules are:
//
//   - a set takes over the store of the one before if [redis] and the files that it names are the same, and then
//     those of its limits that are, with their leases;
//   - a request that lives in a set whose store has stopped is decided by this gateway alone.

// A store is a table [redis].
type store struct {
	config config.Redis
	sum    [sha256.Size]byte // of the files: if they change, connections are made again
	shared *shared.Store
}

// compileStore takes over prev if it is the same, and reports what is wrong with files. It returns nil if nothing is shared.
func compileStore(cfg *config.Config, prev *store, m *metrics.Metrics) (s *store, problems config.Problems) {
	c := cfg.Redis
	if c == nil {
		return nil, nil
	}
	secure, problems := certs.ReadClient(cfg, "redis", certs.ClientFiles{CA: c.TLSCA, Cert: c.TLSCert, Key: c.TLSKey})
	password, err := cfg.Password(c.PasswordFile)
	if err != nil {
		problems = append(problems, cfg.Problem("redis.password_file", -1, err.Error(), ""))
	}
	s = &store{config: *c, sum: sha256.Sum256(append(secure.Sum[:], password...))}
	if prev != nil && prev.config == s.config && prev.sum == s.sum {
		return prev, problems
	}
	o := shared.Options{Username: c.Username, Password: password, Database: c.Database, Timeout: c.Timeout, Prefix: c.Prefix, Open: c.OnFailure == "open",
		Called: m.RedisCalled}
	o.Network, o.Address = c.Address.Split()
	if c.TLS {
		if o.TLS = secure.TLS; o.TLS == nil {
			o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if o.TLS.ServerName = c.TLSServerName; c.TLSServerName == "" {
			o.TLS.ServerName, _, _ = net.SplitHostPort(o.Address) // the parser has seen to it
		}
	}
	s.shared = shared.NewStore(o)
	return s, problems
}

// A counter is where the events of a limit are counted.
type counter struct {
	local  *limit.Limiter  // nil: shared is not
	shared *shared.Limiter // nil: local is not
}

// admit counts a request by what l says, unless it is one too many.
func (t *counter) admit(l *Limit, q *Subject, by key) limit.Decision {
	var key, owner [16]byte
	k := l.keyOf(&key, q, by)
	if t.shared != nil {
		return t.shared.Allow(k, q.Now)
	}
	return t.local.Allow(k, ownerOf(&owner, q, by), q.Now)
}

// has reports whether admit would let a request pass.
func (t *counter) has(l *Limit, q *Subject, by key) bool {
	var key [16]byte
	k := l.keyOf(&key, q, by)
	if t.shared != nil {
		return t.shared.Has(k, q.Now)
	}
	return t.local.Has(k, q.Now)
}

// giveBack takes back what admit has counted.
func (t *counter) giveBack(l *Limit, q *Subject, by key) {
	var key [16]byte
	k := l.keyOf(&key, q, by)
	if t.shared != nil {
		t.shared.Return(k)
		return
	}
	t.local.Return(k)
}

func (t *counter) bytes() int {
	if t.shared != nil {
		return t.shared.Bytes()
	}
	return t.local.Bytes()
}

// newCounter returns a counter of a kind of events of a limit.
func (s *Set) newCounter(c *config.RateLimit, kind string, period time.Duration, burst int, now time.Time, own metrics.Limit, m *metrics.Metrics) counter {
	evicted := own.Evicted.Inc
	if c.Store != "redis" || s.store == nil {
		return counter{local: limit.New(period, burst, now, evicted)}
	}
	add := func(c prometheus.Counter) func(int64) {
		return func(n int64) { c.Add(float64(n)) }
	}
	counters := m.SharedLimit(c.Name)
	// The key is part of the name: what is counted by another is counted apart.
	return counter{shared: s.store.shared.Limiter(c.Name+"/"+c.Key+"/"+kind, period, burst, shared.Hooks{
		Evicted: evicted,
		Alone:   counters.Alone.Inc,
		Charged: add(counters.Charged), Leased: add(counters.Leased), Returned: add(counters.Returned),
	})}
}

// sharedLimiters returns the limiters of s that are shared.
func (s *Set) sharedLimiters() (all []*shared.Limiter) {
	for _, l := range s.limits {
		counters := []counter{l.usual.requests, l.preflights}
		for _, r := range l.plans {
			counters = append(counters, r.requests)
		}
		for _, t := range counters {
			if t.shared != nil {
				all = append(all, t.shared)
			}
		}
	}
	return all
}

// Stores are the connections to Redis that run. The fields are set once, before Swap.
type Stores struct {
	Log     *slog.Logger
	Metrics *metrics.Metrics

	running sync.WaitGroup
	sampler logging.Sampler
}

// leaseGrace bounds how long it takes to give leases back.
const leaseGrace = time.Second

// Swap starts the store of a set that becomes active, and stops the store of the previous one,
// which may be nil. It must not be called twice at a time.
func (r *Stores) Swap(prev, next *Set) {
	var old *store
	if prev != nil {
		old = prev.store
	}
	now := next.store
	if now != nil {
		now.shared.Share(next.sharedLimiters())
		if now != old {
			r.running.Go(func() { now.shared.Run(r.note(now)) })
		}
	}
	if old != nil && old != now {
		old.shared.Stop(leaseGrace)
		r.Metrics.RedisFallback.Set(0)
	}
}

// note returns the callback for a store's changes.
func (r *Stores) note(d *store) func(bool, error) {
	fell := false
	return func(shared bool, why error) {
		what := []any{"address", string(d.config.Address)}
		switch {
		case !shared:
			r.Metrics.RedisFallback.Set(1)
			what = append(what, "error", why.Error(), "on_failure", d.config.OnFailure)
			fell = r.sampler.Warn(r.Log, "rate limits are not shared: Redis fails", what...) || fell
		default:
			r.Metrics.RedisFallback.Set(0)
			if fell {
				r.Log.Info("rate limits are shared again", what...)
			}
			fell = false
		}
	}
}

// Stop ends what is shared: leases go back, as long as grace allows.
func (r *Stores) Stop(current *Set, grace time.Duration) {
	if current.store != nil {
		current.store.shared.Stop(grace)
	}
	r.running.Wait()
}

// Shared reports whether the limits in Redis are shared now. It is for tests. Precondition: there are some.
func (s *Set) Shared() bool { return s.store.shared.Shared() }

// Store tells stores apart. It is for tests.
func (s *Set) Store() any { return s.store }
