package gateway

import (
	"crypto/sha256"
	"crypto/tls"
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
//   - a snapshot takes over the store of the one before if [redis] and the files that it names are the same, and then
//     those of its limits that are, with their leases;
//   - a request that lives in a snapshot whose store has stopped is decided by this gateway alone.

// sharing is a table [redis]. nil: nothing is shared.
type sharing struct {
	config config.Redis
	sum    [sha256.Size]byte // of the files: if they change, connections are made anew
	store  *shared.Store
}

// compileSharing takes over the store of prev if it is the same, and reports what is wrong with files.
func (s *snapshot) compileSharing(cfg *config.Config, prev *snapshot, m *metrics.Metrics) (problems config.Problems) {
	c := cfg.Redis
	if c == nil {
		return nil
	}
	secure, problems := certs.ReadClient(cfg, "redis", certs.ClientFiles{CA: c.TLSCA, Cert: c.TLSCert, Key: c.TLSKey})
	password, err := cfg.Password(c.PasswordFile)
	if err != nil {
		problems = append(problems, cfg.Problem("redis.password_file", -1, err.Error(), ""))
	}
	s.sharing = &sharing{config: *c, sum: sha256.Sum256(append(secure.Sum[:], password...))}
	if prev != nil && prev.sharing != nil && prev.sharing.config == s.sharing.config && prev.sharing.sum == s.sharing.sum {
		s.sharing = prev.sharing
		return problems
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
	s.sharing.store = shared.NewStore(o)
	return problems
}

// A tally is where the events of a limit are counted.
type tally struct {
	local  *limit.Limiter  // nil: shared is not
	shared *shared.Limiter // nil: local is not
}

// allow counts an event of key, for which owner answers, unless it is one too many.
func (t *tally) allow(key, owner []byte, now time.Time) limit.Verdict {
	if t.shared != nil {
		return t.shared.Allow(key, now)
	}
	return t.local.Allow(key, owner, now)
}

func (t *tally) bytes() int {
	if t.shared != nil {
		return t.shared.Bytes()
	}
	return t.local.Bytes()
}

// newTally returns a tally of a kind of events of a limit.
func (s *snapshot) newTally(c *config.RateLimit, kind string, period time.Duration, burst int, now time.Time, own metrics.Limit, m *metrics.Metrics) tally {
	evicted := own.Evicted.Inc
	if c.Store != "redis" || s.sharing == nil {
		return tally{local: limit.New(period, burst, now, evicted)}
	}
	add := func(counter prometheus.Counter) func(int64) {
		return func(n int64) { counter.Add(float64(n)) }
	}
	counters := m.SharedLimit(c.Name)
	// The key is part of the name: what is counted by another is counted apart.
	return tally{shared: s.sharing.store.Limiter(c.Name+"/"+c.Key+"/"+kind, period, burst, shared.Hooks{
		Evicted: evicted,
		Alone:   counters.Alone.Inc,
		Charged: add(counters.Charged), Leased: add(counters.Leased), Returned: add(counters.Returned),
	})}
}

// sharedLimiters returns the limiters of s that are shared.
func (s *snapshot) sharedLimiters() (all []*shared.Limiter) {
	for _, l := range s.limits {
		for _, t := range []tally{l.requests, l.preflights} {
			if t.shared != nil {
				all = append(all, t.shared)
			}
		}
	}
	return all
}

// sharings are the stores that run.
type sharings struct {
	running sync.WaitGroup
	sampler logging.Sampler
}

// swapSharing starts the store of a snapshot that becomes current, and stops that of the one before.
func (g *Gateway) swapSharing(prev, s *snapshot) {
	var old *sharing
	if prev != nil {
		old = prev.sharing
	}
	now := s.sharing
	if now != nil {
		now.store.Share(s.sharedLimiters())
		if now != old {
			g.sharings.running.Go(func() { now.store.Run(g.noteSharing(now)) })
		}
	}
	if old != nil && old != now {
		old.store.Stop(shareGrace)
		g.metrics.RedisFallback.Set(0)
	}
}

// shareGrace bounds how long it takes to give leases back.
const shareGrace = time.Second

// noteSharing returns what is told of a store's changes.
func (g *Gateway) noteSharing(d *sharing) func(bool, error) {
	fell := false
	return func(shared bool, why error) {
		what := []any{"address", string(d.config.Address)}
		switch {
		case !shared:
			g.metrics.RedisFallback.Set(1)
			if held, ok := g.sharings.sampler.Pass(time.Now()); ok {
				fell = true
				what = append(what, "error", why.Error(), "on_failure", d.config.OnFailure)
				if held > 0 {
					what = append(what, "more_before", held)
				}
				g.log.Warn("rate limits are not shared: redis fails", what...)
			}
		default:
			g.metrics.RedisFallback.Set(0)
			if fell {
				g.log.Info("rate limits are shared again", what...)
			}
			fell = false
		}
	}
}

// stop ends what is shared: leases go back, as long as grace allows.
func (g *Gateway) stopSharing(grace time.Duration) {
	if d := g.current.Load().sharing; d != nil {
		d.store.Stop(grace)
	}
	g.sharings.running.Wait()
}
