package gateway

import (
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file refuses what comes too often. The rules are:
//
//   - a limit's state is its own: routes that name the same limit share it, and a reload keeps it as
//     long as the limit's table does not change;
//   - a preflight is answered whatever its client did before: a browser takes any other answer for a
//     network error, so that the page cannot learn of the limit. But preflights have a bucket of their own,
//     preflightShare times as large, because an endless flood of them is no browser's;
//   - a client does not leave a limit by leaving out what it counts by: requests without the field share one bucket, as do
//     those from origins that the route's policy does not allow. What clients may invent, the values of a field and the
//     origins that a pattern allows, is a bucket each. That is no way past the limit of one value, and the client's network
//     answers for how many it invents;
//   - the fields are those of draft-ietf-httpapi-ratelimit-headers-10.

// preflightShare is how many preflights are allowed for each allowed request. A page needs at most
// one for each request it makes; behind one address may be many that have cached nothing yet.
const preflightShare = 10

// A rateLimit is a table [limit.NAME] and what was counted by it.
type rateLimit struct {
	config     config.RateLimit
	by         limitKey
	field      string // for byHeader
	requests   tally
	preflights tally
	policy     string // the line RateLimit-Policy
	item       string // the beginning of the line RateLimit
	metrics    metrics.Limit
}

// limitKey is what requests are counted by.
type limitKey uint8

const (
	byClient limitKey = iota
	byOrigin
	byHeader
	byRoute
)

// compileLimits makes the rate limits of a configuration, or takes them over from prev with what they have counted.
func (s *snapshot) compileLimits(cfg *config.Config, prev *snapshot, m *metrics.Metrics) {
	now := time.Now()
	for i := range cfg.RateLimits {
		c := &cfg.RateLimits[i]
		if prev != nil {
			if old := prev.limits[c.Name]; old != nil && old.config == *c && (c.Store == "local" || s.sharing == prev.sharing) {
				s.limits[c.Name] = old
				continue
			}
		}
		if c.Rate.Events > 0 && c.Burst > 0 { // else the parser has said so
			s.limits[c.Name] = s.newRateLimit(c, m, now)
		}
	}
}

func (s *snapshot) newRateLimit(c *config.RateLimit, m *metrics.Metrics, now time.Time) *rateLimit {
	l := &rateLimit{config: *c, metrics: m.Limit(c.Name)}
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
	l.requests = s.newTally(c, "requests", period, c.Burst, now, l.metrics, m)
	l.preflights = s.newTally(c, "preflights", max(period/preflightShare, limit.MinPeriod), min(c.Burst*preflightShare, limit.MaxBurst), now, l.metrics, m)
	// The quota is the burst, and its window the time in which that comes back: on average this is the rate.
	window := seconds(time.Duration(c.Burst) * period)
	l.policy = "RateLimit-Policy: \"" + c.Name + "\";q=" + strconv.Itoa(c.Burst) + ";w=" + strconv.FormatInt(window, 10) + "\r\n"
	l.item = "RateLimit: \"" + c.Name + "\";r="
	return l
}

// seconds returns d in whole seconds, at least one: who comes back then does not come too early.
func seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }

// admit counts x's request and reports whether it may pass.
func (l *rateLimit) admit(x *exchange) bool {
	var key, owner [16]byte
	x.rate = l.requests.allow(l.key(&key, x, l.by), ownerOf(&owner, x, l.by), x.now)
	return x.rate.Allowed
}

// admitPreflight is admit for a preflight. It has none of the fields that pages set.
func (l *rateLimit) admitPreflight(x *exchange) bool {
	by := l.by
	if by == byHeader {
		by = byClient
	}
	var key, owner [16]byte
	x.rate = l.preflights.allow(l.key(&key, x, by), ownerOf(&owner, x, by), x.now)
	return x.rate.Allowed
}

// key returns what x's request is counted by. The result may alias buf or the request. None is the key of those who share.
func (l *rateLimit) key(buf *[16]byte, x *exchange, by limitKey) []byte {
	switch by {
	case byClient:
		*buf = x.client.As16()
		if x.client.Is6() {
			return buf[:8] // whoever has one address of a /64 has them all
		}
		return buf[:]
	case byOrigin:
		if p := x.route.policy; p != nil && x.req.OriginLines > 0 {
			if _, reason := p.AllowedOrigin(x.req.Origin); reason != cors.Allowed {
				return nil
			}
		}
		if x.req.OriginLines == 1 {
			return x.req.Origin
		}
	case byHeader:
		return x.onlyField(l.field)
	case byRoute:
		return x.route.limitKey
	}
	return nil
}

// ownerOf returns who answers for a key: the address that it came from, of IPv6 its /64, or where that is the key the /48 that
// it is part of. The result aliases buf.
func ownerOf(buf *[16]byte, x *exchange, by limitKey) []byte {
	*buf = x.client.As16()
	switch {
	case !x.client.Is6():
		return buf[:]
	case by == byClient:
		return buf[:6]
	}
	return buf[:8]
}

// onlyField returns the value of a field, or nothing if it is not there, or in more than one line, of which
// others may read another.
func (x *exchange) onlyField(name string) (value []byte) {
	lines := 0
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; wire.EqualFold(f.Name, name) {
			value = f.Value
			lines++
		}
	}
	if lines > 1 {
		return nil
	}
	return value
}

// refuseRequest answers a request that came too soon. What its page needs to come back in time is exposed.
func (l *rateLimit) refuseRequest(x *exchange) {
	l.metrics.RefusedRequests.Inc()
	l.refuse(x)
}

// refusePreflight answers a preflight that is one of too many.
func (l *rateLimit) refusePreflight(x *exchange) {
	l.metrics.RefusedPreflights.Inc()
	l.refuse(x)
}

func (l *rateLimit) refuse(x *exchange) {
	x.failure = ownLimit.failure
	wait := seconds(x.rate.Next)
	dst := append(x.open(ownLimit.status), "Retry-After: "...)
	dst = strconv.AppendInt(dst, wait, 10)
	dst = x.appendRateLines(append(dst, "\r\n"...), l, 0, wait)
	var digits [20]byte
	x.close(dst, ownLimit.text, " Retry after ", string(strconv.AppendInt(digits[:0], wait, 10)), " s.\n")
}

// appendRateLines appends what a client is told of a limit. What the route sets by hand, or leaves out, is the route's.
func (x *exchange) appendRateLines(dst []byte, l *rateLimit, remaining, next int64) []byte {
	if !x.route.UserSet.RateLimitPolicy {
		dst = append(dst, l.policy...)
	}
	if x.route.UserSet.RateLimit {
		return dst
	}
	dst = append(dst, l.item...)
	dst = strconv.AppendInt(dst, remaining, 10)
	dst = append(dst, ";t="...)
	dst = strconv.AppendInt(dst, next, 10)
	return append(dst, "\r\n"...)
}

// appendRate appends what a client is told of its limit in a response to a request that was admitted. It is told
// nothing where the bucket is not its own, because that would tell of others, and nothing with a redirect,
// which it is to follow at once.
func (x *exchange) appendRate(dst []byte) []byte {
	l := x.route.limit
	if l == nil || l.by == byOrigin || l.by == byRoute || x.status/100 == 3 && x.status != 304 {
		return dst
	}
	return x.appendRateLines(dst, l, x.rate.Remaining, seconds(x.rate.Next))
}
