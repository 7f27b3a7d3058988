// Package ratelimit compiles a [limit.NAME] and applies it: the key that requests are counted by,
// the count here or in Redis, and the fields that clients receive. It is internal to corsgate.
package ratelimit

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file decides what comes too often. The rules are:
//
//   - a limit's state is its own: routes that name the same limit share it, and a reload keeps it as
//     long as the limit's table does not change;
//   - a preflight is answered whatever its client did before: a browser takes any other answer for a
//     network error, so that the page cannot learn of the limit. But preflights have a bucket of their own,
//     preflightShare times as large, because no browser sends an endless flood of them;
//   - a client does not leave a limit by leaving out what it counts by: requests without the field share one bucket, as do
//     those from origins that the route's policy does not allow. What clients may invent, the values of a field and the
//     origins that a pattern allows, is a bucket each. That does not get a client past the limit of one value, and its network
//     answers for how many it invents;
//   - the fields are those of draft-ietf-httpapi-ratelimit-headers-10.

// preflightShare is how many preflights are allowed for each allowed request. A page needs at most
// one for each request it makes; behind one address may be many that have cached nothing yet.
const preflightShare = 10

// A Limit is a table [limit.NAME] and what was counted by it. It is safe for concurrent use.
type Limit struct {
	Config  config.RateLimit
	Metrics metrics.Limit

	by         key
	name       string // for byHeader, byCookie; of byClaim with "claim:"
	preflights counter
	usual      rated
	plans      map[string]*rated // by name; nil: there are none
}

// A rated is a rate of a limit: that of a plan, or the usual one.
type rated struct {
	requests counter
	policy   string // the line RateLimit-Policy
	item     string // the beginning of the line RateLimit
}

// A Subject is a request, as far as limits count by it.
type Subject struct {
	Request *wire.Request
	Client  netip.Addr
	Policy  *cors.Policy // of the route; nil: none
	// Identity is who was found by auth; nil: the request has no identity.
	Identity *auth.Identity
	Route    []byte // its name
	Now      time.Time
}

// key is what requests are counted by.
type key uint8

const (
	byClient key = iota
	byOrigin
	byHeader
	byRoute
	byCookie
	byAuth
	byClaim
)

// A Set has the limits of a configuration by name.
type Set struct {
	limits map[string]*Limit
	store  *store // nil: nothing is shared with other gateways
}

// Compile makes the rate limits of a configuration, or takes them over from prev, which may be nil, with what they have counted.
func Compile(cfg *config.Config, prev *Set, m *metrics.Metrics, now time.Time) (s *Set, problems config.Problems) {
	if prev == nil {
		prev = new(Set)
	}
	s = &Set{limits: map[string]*Limit{}}
	s.store, problems = compileStore(cfg, prev.store, m)
	for i := range cfg.RateLimits {
		c := &cfg.RateLimits[i]
		if old := prev.limits[c.Name]; old != nil && reflect.DeepEqual(old.Config, *c) && (c.Store == "local" || s.store == prev.store) {
			s.limits[c.Name] = old
			continue
		}
		if c.Rate.Events > 0 && c.Burst > 0 { // else the parser has said so
			s.limits[c.Name] = s.newLimit(c, m, now)
		}
	}
	return s, problems
}

// Limit returns the limit with a name, or nil.
func (s *Set) Limit(name string) *Limit { return s.limits[name] }

// List returns those with some names.
func (s *Set) List(names []string) (list List) {
	for _, name := range names {
		if l := s.limits[name]; l != nil {
			list = append(list, l)
		}
	}
	return list
}

// Bytes tells how much memory the tables of limits have, by name: they grow with the keys that clients come with, up to a bound.
func (s *Set) Bytes(emit metrics.Emit) {
	for name, l := range s.limits {
		emit(float64(l.bytes()), name)
	}
}

func (s *Set) newLimit(c *config.RateLimit, m *metrics.Metrics, now time.Time) *Limit {
	l := &Limit{Config: *c, Metrics: m.Limit(c.Name)}
	kind, name, _ := strings.Cut(c.Key, ":")
	l.by, l.name = keys[kind], name
	if l.by == byClaim {
		l.name = c.Key // as identities have it
	}
	period := s.rate(&l.usual, c, "requests", c.Rate, c.Burst, now, l, m)
	for plan, rate := range c.Rates {
		if l.plans == nil {
			l.plans = map[string]*rated{}
		}
		l.plans[plan] = new(rated)
		s.rate(l.plans[plan], c, "requests/"+plan, rate, min(rate.Events, limit.MaxBurst), now, l, m)
	}
	l.preflights = s.newCounter(c, "preflights", max(period/preflightShare, limit.MinPeriod), min(c.Burst*preflightShare, limit.MaxBurst), now, l.Metrics, m)
	return l
}

// rate makes r what counts by a rate, and returns its period.
func (s *Set) rate(r *rated, c *config.RateLimit, kind string, rate config.Rate, burst int, now time.Time, l *Limit, m *metrics.Metrics) time.Duration {
	period := rate.Per / time.Duration(rate.Events)
	r.requests = s.newCounter(c, kind, period, burst, now, l.Metrics, m)
	// The quota is the burst, and its window the time in which that comes back: on average this is the rate.
	window := Seconds(time.Duration(burst) * period)
	r.policy = "RateLimit-Policy: \"" + c.Name + "\";q=" + strconv.Itoa(burst) + ";w=" + strconv.FormatInt(window, 10) + "\r\n"
	r.item = "RateLimit: \"" + c.Name + "\";r="
	return period
}

var keys = map[string]key{"client_ip": byClient, "origin": byOrigin, "header": byHeader, "route": byRoute, "cookie": byCookie, "auth": byAuth, "claim": byClaim}

// Seconds returns d in whole seconds, at least one: a client that comes back then does not come too early.
func Seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }

// admit counts a request and tells whether it may pass. It allocates nothing.
func (l *Limit) admit(q *Subject) Result {
	r := l.rateOf(q)
	return Result{r.requests.admit(l, q, l.by), l, r}
}

// has reports whether admit would let a request pass.
func (l *Limit) has(q *Subject) bool { return l.rateOf(q).requests.has(l, q, l.by) }

// giveBack takes back what admit has counted.
func (l *Limit) giveBack(q *Subject) { l.rateOf(q).requests.giveBack(l, q, l.by) }

// rateOf returns what a request is counted by: the rate of its plan, if it has one.
func (l *Limit) rateOf(q *Subject) *rated {
	if l.plans != nil {
		if r := l.plans[string(q.Identity.Value(l.Config.Plan))]; r != nil {
			return r
		}
	}
	return &l.usual
}

// admitPreflight is admit for a preflight.
func (l *Limit) admitPreflight(q *Subject) Result {
	return Result{l.preflights.admit(l, q, l.preflightsBy()), l, &l.usual}
}

// giveBackPreflight takes back what admitPreflight has counted.
func (l *Limit) giveBackPreflight(q *Subject) { l.preflights.giveBack(l, q, l.preflightsBy()) }

// preflightsBy returns what preflights are counted by: they have none of the fields that pages set, and no identity.
func (l *Limit) preflightsBy() key {
	if l.by == byHeader || l.by >= byCookie {
		return byClient
	}
	return l.by
}

// Personal reports whether clients have separate buckets: then the rest of one says nothing about
// other clients.
func (l *Limit) Personal() bool { return l.by != byOrigin && l.by != byRoute }

func (l *Limit) bytes() int {
	n := l.preflights.bytes() + l.usual.requests.bytes()
	for _, r := range l.plans {
		n += r.requests.bytes()
	}
	return n
}

// keyOf returns what a request is counted by. The result may alias buf or the request. None is the key of those who share.
func (l *Limit) keyOf(buf *[16]byte, q *Subject, by key) []byte {
	switch by {
	case byClient:
		*buf = q.Client.As16()
		if q.Client.Is6() {
			return buf[:8] // a client that has one address of a /64 has them all
		}
		return buf[:]
	case byOrigin:
		if p := q.Policy; p != nil && q.Request.OriginLines > 0 {
			if _, reason := p.AllowedOrigin(q.Request.Origin); reason != cors.Allowed {
				return nil
			}
		}
		if q.Request.OriginLines == 1 {
			return q.Request.Origin
		}
	case byHeader:
		return q.Request.Only(l.name)
	case byCookie:
		if value, n := q.Request.Cookie(l.name); n == 1 {
			return value
		}
	case byAuth:
		if q.Identity != nil {
			return q.Identity.Key
		}
	case byClaim:
		return q.Identity.Value(l.name)
	case byRoute:
		return q.Route
	}
	return nil
}

// ownerOf returns who answers for a key: the address that it came from, of IPv6 its /64, or where that is the key the /48 that
// it is part of. The result aliases buf.
func ownerOf(buf *[16]byte, q *Subject, by key) []byte {
	*buf = q.Client.As16()
	switch {
	case !q.Client.Is6():
		return buf[:]
	case by == byClient:
		return buf[:6]
	}
	return buf[:8]
}
