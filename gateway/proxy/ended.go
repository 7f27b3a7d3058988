package proxy

import (
	"github.com/corsgate/corsgate/gateway/upstream"
)

// This file is about limits of the gateway that have ended what had begun. That is not a failure of
// the upstream, and the log names the key to change.

// ended notes that a response or a tunnel was ended by such a limit; idle is the key of the one on silence. It reports false
// if err is another reason, or none.
func (x *exchange) ended(err error, idle string) bool {
	key := idle
	switch err {
	case upstream.ErrLate:
		x.failure, key = failureLate, x.timeoutKey()
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
func (x *exchange) timeoutKey() string { return "route." + x.route.Name + ".timeout" }

// limitKey returns the key of the limit that has ended an exchange before its response began, "" if it was none.
func (x *exchange) limitKey(failed *upstream.Error) string {
	key := ""
	switch failed.Class {
	case upstream.ClassTimeout:
		return x.timeoutKey()
	case upstream.ClassFirstByte:
		key = "first_byte_timeout"
	case upstream.ClassQueue:
		key = "max_connections"
	case upstream.ClassStreams:
		key = "max_streams"
	default:
		return ""
	}
	return "upstream." + x.route.Upstream.Name + "." + key
}
