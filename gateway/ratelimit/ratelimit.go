// Package ratelimit compiles a [limit.NAME] and applies it: the key that requests are counted by,
// the count here or in Redis, and the fields that clients receive. It is internal to corsgate.
package ratelimit

import (
	"net/netip"
	"strconv"
	"time"

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
	field      string // for byHeader
	requests   counter
	preflights counter
	policy     string // the line RateLimit-Policy
	item       string // the beginning of the line RateLimit
}

// A Subject is a request, as far as limits count by it.
type Subject struct {
	Request *wire.Request
	Client  netip.Addr
	Policy  *cors.Policy // of the route; nil: none
	Route   []byte       // its name
	Now     time.Time
}

// key is what requests are counted by.
type key uint8

const (
	byClient key = iota
	byOrigin
	byHeader
	byRoute
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
		if old := prev.limits[c.Name]; old != nil && old.Config == *c && (c.Store == "local" || s.store == prev.store) {
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

// Bytes tells how much memory the tables of limits have, by name: they grow with the keys that clients come with, up to a bound.
func (s *Set) Bytes(emit metrics.Emit) {
	for name, l := range s.limits {
		emit(float64(l.requests.bytes()+l.preflights.bytes()), name)
	}
}

func (s *Set) newLimit(c *config.RateLimit, m *metrics.Metrics, now time.Time) *Limit {
	l := &Limit{Config: *c, Metrics: m.Limit(c.Name)}
	switch c.Key {
	case "origin":
		l.by = byOrigin
	case "route":
		l.by = byRoute
	case "client_ip":
		l.by = byClient
	default:
		l.by, l.field = byHeader, c.Key[len("header:"):]
	}
	period := c.Rate.Per / time.Duration(c.Rate.Events)
	l.requests = s.newCounter(c, "requests", period, c.Burst, now, l.Metrics, m)
	l.preflights = s.newCounter(c, "preflights", max(period/preflightShare, limit.MinPeriod), min(c.Burst*preflightShare, limit.MaxBurst), now, l.Metrics, m)
	// The quota is the burst, and its window the time in which that comes back: on average this is the rate.
	window := Seconds(time.Duration(c.Burst) * period)
	l.policy = "RateLimit-Policy: \"" + c.Name + "\";q=" + strconv.Itoa(c.Burst) + ";w=" + strconv.FormatInt(window, 10) + "\r\n"
	l.item = "RateLimit: \"" + c.Name + "\";r="
	return l
}

// Seconds returns d in whole seconds, at least one: a client that comes back then does not come too early.
func Seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }

// Admit counts a request and tells whether it may pass. It allocates nothing.
func (l *Limit) Admit(q *Subject) limit.Decision { return l.requests.admit(l, q, l.by) }

// AdmitPreflight is Admit for a preflight. It has none of the fields that pages set.
func (l *Limit) AdmitPreflight(q *Subject) limit.Decision {
	by := l.by
	if by == byHeader {
		by = byClient
	}
	return l.preflights.admit(l, q, by)
}

// Personal reports whether clients have separate buckets: then the rest of one says nothing about
// other clients.
func (l *Limit) Personal() bool { return l.by != byOrigin && l.by != byRoute }

// AppendPolicy appends the line RateLimit-Policy.
func (l *Limit) AppendPolicy(dst []byte) []byte { return append(dst, l.policy...) }

// AppendItem appends the line RateLimit: how many requests remain, and in how many seconds there is one more.
func (l *Limit) AppendItem(dst []byte, remaining, next int64) []byte {
	dst = append(dst, l.item...)
	dst = strconv.AppendInt(dst, remaining, 10)
	dst = append(dst, ";t="...)
	dst = strconv.AppendInt(dst, next, 10)
	return append(dst, "\r\n"...)
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
		return q.Request.Only(l.field)
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
