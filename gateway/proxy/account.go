package proxy

import (
	"net/netip"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is what is remembered of an exchange: its counters, and its line in the access log.
// Both engines come through account, once for each request.

// overheadSample is how many requests there are for each whose own share of time is measured: that takes
// readings of the clock which the others are spared.
const overheadSample = 16

// time decides whether the gateway's own share of the time is measured, and whether the request
// is one of the share that is logged.
func (x *exchange) time() {
	x.seq++
	x.sampled = x.shard != nil && x.s.Logged.Sample()
	x.timed, x.busy = x.sampled || x.seq%overheadSample == 0, 0
}

// addBusy adds the time since the given one to what the gateway itself has spent on the request. It is called when the gateway is
// done, or begins to wait for others.
func (x *exchange) addBusy(since time.Time) {
	if x.timed {
		x.busy += time.Since(since)
	}
}

// account counts the request, and its exchange with an endpoint unless e is nil, and logs it.
func (x *exchange) account(e *upstream.Endpoint, now time.Time) {
	x.left()
	if x.sampled || x.shard != nil && x.s.Logged.On() && x.isError(e) {
		x.log(e)
	}
	if x.span != nil {
		x.endSpan(e, now)
	}
	if x.route == nil {
		x.p.metrics.Unrouted.Count(x.status)
		return
	}
	x.route.Metrics.Requests.Count(x.status)
	if x.route.Policy != nil && x.actual && x.reason != cors.NoOrigin {
		x.route.Metrics.Actual[x.reason].Inc()
	}
	if x.timed && x.seq%overheadSample == 0 {
		x.route.Metrics.Overhead.Observe(x.busy.Seconds())
	}
	if e != nil {
		x.route.Upstream.Count(e, x.status)
		x.route.Metrics.Duration.Observe(now.Sub(x.now).Seconds())
	}
}

// isError reports whether the request is logged as an error: a 4xx or 5xx that was made here, a
// 5xx of an upstream, a response that broke off, or a refusal by the policy, which means that a
// page could not read the response.
func (x *exchange) isError(e *upstream.Endpoint) bool {
	return x.status >= 500 || x.status >= 400 && e == nil || x.failure != "" || x.refused()
}

// refused reports whether the policy refused a request from an origin other than the target's.
func (x *exchange) refused() bool {
	return x.reason > cors.NoOrigin && !x.sameOrigin()
}

// log puts the request into the access log.
// Precondition: there is one.
func (x *exchange) log(e *upstream.Endpoint) {
	r := access.Record{
		Time: x.now, Client: x.address, Protocol: x.protocol(),
		ID: x.requestID(), Method: x.req.Method, Host: x.req.Host, Path: x.req.PrintablePath(), Origin: x.req.Origin,
		Status: x.status, Error: x.failure, Limit: x.limit, Bytes: x.length, Total: time.Since(x.now), Own: -1,
	}
	if x.timed {
		r.Own = x.busy
	}
	if x.reason != cors.NoOrigin {
		r.Verdict = x.reason.String()
	}
	if x.route != nil {
		r.Route = x.route.Name
		if x.route.Upstream != nil {
			r.Upstream = x.route.Upstream.Name
		}
	}
	if e != nil {
		r.Endpoint = e.Address.Label
	}
	x.shard.Put(&r)
}

// Codes of what failed, beside the classes of faults and of failures of an upstream.
const (
	failureGone        = "client-gone" // it did not wait for the response
	failureLate        = metrics.Late
	failureIdle        = metrics.Idle
	failureSlow        = metrics.SlowClient
	failurePanic       = "panic"
	failureGuard       = "guard" // the origin may not use the resource; the verdict says why
	failureLoop        = "loop"
	failureShed        = "shed"
	failureLimit       = "limit" // a rate limit
	failureConnection  = "connection-auth"
	failureName        = "field-name"
	failureHost        = "no-host" // no route takes the host, the path, the method
	failurePath        = "no-path"
	failurePrefix      = "prefix" // without it the path is not one to forward
	failureMethod      = "no-method"
	failureCertificate = "client-certificate" // the request needs one
)

// Refuse counts and logs a request that was refused before it was one. It is not logged if its client is unknown.
func (p *Proxy) Refuse(f *wire.Fault, peer netip.Addr) {
	p.metrics.Malformed(f.Class)
	if s := p.anyShard(); s != nil && peer.IsValid() && p.current.Load().Logged.On() {
		s.Put(&access.Record{Time: time.Now(), Client: peer, Status: f.Status, Error: f.Class, Bytes: -1, Own: -1})
	}
}
