package proxy

import (
	"net/netip"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/trace"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// overheadSample is how many requests there are for each whose own share of time is measured: that takes
// readings of the clock which the others are spared.
const overheadSample = 16

// A record is what is remembered of requests: counters, lines in the access log, spans. It reads responses and changes none.
type record struct {
	shard   *access.Shard // nil: no access log
	seq     uint32        // requests so far
	sampled bool          // this one is logged in any case
	timed   bool          // busy is measured
	busy    time.Duration // the gateway's share of the time so far
	span    *trace.Span   // nil: the request is not recorded
}

// start begins the record of another request. It decides whether the gateway's own share of the time is measured, and whether
// the request is one of the share that is logged.
func (r *record) start(logged access.Choice) {
	r.seq++
	r.sampled = r.shard != nil && logged.Sample()
	r.timed, r.busy, r.span = r.sampled || r.seq%overheadSample == 0, 0, nil
}

// addBusy adds the time since the given one to what the gateway itself has spent on the request. It is called when the gateway is
// done, or begins to wait for others.
func (r *record) addBusy(since time.Time) {
	if r.timed {
		r.busy += time.Since(since)
	}
}

// end counts and logs the request of a response.
func (r *record) end(x *response, e *upstream.Endpoint, now time.Time) {
	if r.sampled || r.shard != nil && x.s.Logged.On() && x.isError(e) {
		r.log(x, e)
	}
	if r.span != nil {
		r.endSpan(x, e, now)
	}
	if x.route == nil {
		x.p.metrics.Unrouted.Count(x.status)
		return
	}
	m := &x.route.Metrics
	m.Requests.Count(x.status)
	if x.route.Policy != nil && x.actual && x.reason != cors.NoOrigin {
		m.Actual[x.reason].Inc()
	}
	if r.timed && r.seq%overheadSample == 0 {
		m.Overhead.Observe(r.busy.Seconds())
	}
	if e != nil {
		x.route.Upstream.Count(e, x.status)
		m.Duration.Observe(now.Sub(x.now).Seconds())
	}
}

// isError reports whether the request is logged as an error: a 4xx or 5xx that was made here, a
// 5xx of an upstream, a response that broke off, or a refusal by the policy, which means that a
// page could not read the response.
func (x *response) isError(e *upstream.Endpoint) bool {
	return x.status >= 500 || x.status >= 400 && e == nil || x.failure != "" || x.reason > cors.NoOrigin && !x.sameOrigin()
}

// log puts the request into the access log.
// Precondition: there is one.
func (r *record) log(x *response, e *upstream.Endpoint) {
	line := access.Record{
		Time: x.now, Client: x.address, Protocol: x.protocol(),
		ID: x.requestID(), Method: x.req.Method, Host: x.req.Host, Path: x.req.PrintablePath(), Origin: x.req.Origin,
		Status: x.status, Error: x.failure, Limit: x.limit, Bytes: x.length, Total: time.Since(x.now), Own: -1,
	}
	if r.timed {
		line.Own = r.busy
	}
	if x.reason != cors.NoOrigin {
		line.Verdict = x.reason.String()
	}
	if x.route != nil {
		line.Route = x.route.Name
		if x.route.Upstream != nil {
			line.Upstream = x.route.Upstream.Name
		}
	}
	if i := x.found(); i != nil {
		line.Auth, line.Consumer = x.who.Table.Name, i.Consumer
	}
	if e != nil {
		line.Endpoint = e.Address.Label
	}
	r.shard.Put(&line)
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
	failureAddress     = "address"
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
