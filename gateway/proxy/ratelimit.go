package proxy

import (
	"strconv"

	"github.com/corsgate/corsgate/gateway/ratelimit"
)

// This file refuses what comes too often, and tells clients of their limits; see package ratelimit.

// limitSubject returns the request as limits count it.
func (q *request) limitSubject() ratelimit.Subject {
	return ratelimit.Subject{Request: q.req, Client: q.address, Policy: q.route.Policy, Identity: q.found(), Route: q.route.LimitKey, Now: q.now}
}

// admit counts the request in its route's limit, and reports whether it may pass. Precondition: there is one.
func (x *exchange) admit() bool {
	q := x.limitSubject()
	x.rate = x.route.Limit.Admit(&q)
	return x.rate.Allowed
}

// admitPreflight is admit for a preflight.
func (x *exchange) admitPreflight() bool {
	q := x.limitSubject()
	x.rate = x.route.Limit.AdmitPreflight(&q)
	return x.rate.Allowed
}

// refuseLimited answers a request or a preflight that is one too many. What its page needs to come back in time is exposed.
func (x *response) refuseLimited() {
	l := x.rate.Limit
	if x.answersPreflight() {
		l.Metrics.RefusedPreflights.Inc()
	} else {
		l.Metrics.RefusedRequests.Inc()
	}
	x.failure = ownLimit.failure
	wait := ratelimit.Seconds(x.rate.Next)
	dst := append(x.open(ownLimit.status), "Retry-After: "...)
	dst = strconv.AppendInt(dst, wait, 10)
	dst = x.appendRateLines(append(dst, "\r\n"...), 0, wait)
	var digits [20]byte
	x.close(dst, ownLimit.text, " Retry after ", string(strconv.AppendInt(digits[:0], wait, 10)), " s.\n")
}

// appendRate appends the field lines about the client's limit to a response to a request that was
// admitted. It appends nothing where clients share the bucket, because the fields would reveal
// other clients' requests, and nothing to a redirect, which clients follow at once.
func (x *response) appendRate(dst []byte) []byte {
	if x.route.Limit == nil || x.rate.Limit == nil || x.status/100 == 3 && x.status != 304 {
		return dst
	}
	return x.appendRateLines(dst, x.rate.Remaining, ratelimit.Seconds(x.rate.Next))
}

// appendRateLines appends the field lines about a limit. What the route sets by hand, or leaves
// out, is the route's.
func (x *response) appendRateLines(dst []byte, remaining, next int64) []byte {
	if !x.route.UserSet.RateLimitPolicy {
		dst = x.rate.AppendPolicy(dst)
	}
	if !x.route.UserSet.RateLimit {
		dst = x.rate.AppendItem(dst, remaining, next)
	}
	return dst
}
