package proxy

import (
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is about exchanges with an upstream that fail, and about limits of the gateway that end an exchange which had
// begun. The latter is not a failure of the upstream, and the log names the key to change.

// fail makes the response to a request whose exchange failed before a response began.
func (x *exchange) fail(e *upstream.Endpoint, failed *upstream.Error) {
	endpoint := ""
	if e != nil {
		endpoint = e.Address.Label
	}
	attrs := []any{"endpoint", endpoint, "class", failed.Class, "error", failed.Err}
	if key := limitKey(x.route, failed); key != "" {
		attrs = append(attrs, "limit", key)
	}
	extra := ""
	if failed.WorthWaiting() {
		extra = "Retry-After: 1\r\n"
	}
	if !x.ended(failed.Err, "") {
		x.warn("upstream failed", &x.route.Upstream.Failed, attrs...)
		x.failure = failed.Class
		x.route.Upstream.Metrics.Failures[failed.Class].Inc()
	}
	x.write(failed.Status, extra, ownFailures[failed.Class].text)
}

// warn logs the outcome of an exchange with an upstream, at most once per second for each sampler.
func (x *exchange) warn(what string, s *logging.Sampler, attrs ...any) {
	held, ok := s.Pass(time.Now())
	if !ok {
		return
	}
	attrs = append([]any{"route", x.route.Name, "upstream", x.route.Upstream.Name}, attrs...)
	if attrs = append(attrs, "request_id", string(x.requestID())); held > 0 {
		attrs = append(attrs, "more_before", held)
	}
	x.p.log.Warn(what, attrs...)
}

// ended notes that a response or a tunnel was ended by a limit of the gateway; idle is the key of the one on silence. It reports false
// if err is another reason, or none.
func (x *exchange) ended(err error, idle string) bool {
	key := idle
	switch err {
	case upstream.ErrLate:
		x.failure, key = failureLate, timeoutKey(x.route)
	case upstream.ErrIdle:
		x.failure = failureIdle
	case upstream.ErrSlowClient:
		x.failure, key = failureSlow, "upstream."+x.route.Upstream.Name+".max_connections"
	default:
		return false
	}
	x.p.metrics.Ended[x.failure].Inc()
	x.warn("ended by a limit of the gateway", &x.route.Upstream.Ended, "limit", key, "reason", err.Error())
	return true
}

// timeoutKey is what bounds the whole exchange.
func timeoutKey(r *snapshot.Route) string { return "route." + r.Name + ".timeout" }

// limitKey returns the key of the limit that has ended an exchange before its response began, "" if it was none.
func limitKey(r *snapshot.Route, failed *upstream.Error) string {
	key := ""
	switch failed.Class {
	case upstream.ClassTimeout:
		return timeoutKey(r)
	case upstream.ClassFirstByte:
		key = "first_byte_timeout"
	case upstream.ClassQueue:
		key = "max_connections"
	case upstream.ClassStreams:
		key = "max_streams"
	default:
		return ""
	}
	return "upstream." + r.Upstream.Name + "." + key
}

// cutOff notes that a response broke off after it had begun.
func (x *exchange) cutOff(e *upstream.Endpoint, err error) {
	if x.ended(err, x.route.StreamIdle.Key) {
		return
	}
	x.failure = backend.ClassCut
	x.route.Upstream.Metrics.Failures[backend.ClassCut].Inc()
	attrs := []any{"endpoint", e.Address.Label, "error", err}
	if err == upstream.ErrStalled {
		attrs = append(attrs, "limit", "upstream."+x.route.Upstream.Name+".idle_timeout")
	}
	x.warn("response cut off", &x.route.Upstream.Cut, attrs...)
}

// refuseContent answers a request whose content is refused.
func (x *exchange) refuseContent(f *wire.Fault) {
	if x.answerFault(f); f == edge.FaultTimeout {
		x.limit = "timeouts.body_idle = " + x.s.Config.Timeouts.BodyIdle.String() // it is the content that is late
	}
}
