package proxy

import (
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/upstream"
)

// prepareAttempts makes x.attempts ready for the exchange with the route's upstream.
func (x *exchange) prepareAttempts() {
	a := &x.attempts
	a.To, a.Deadline = x.route.Upstream.Pool, time.Time{}
	a.Allowed, a.StreamIdle = 0, backend.OrNoBound(x.route.StreamIdle.Time)
	switch d := x.route.Timeout; {
	case d == config.Auto:
		a.Allowed, a.Deadline = config.AutoTimeout, x.now.Add(config.AutoTimeout)
	case d > 0:
		a.Deadline = x.now.Add(d)
	}
	a.Idempotent = upstream.IsIdempotent(x.req.Method)
	a.Hashed = false
	if key := x.route.Upstream.Key; key != nil {
		a.Hash, a.Hashed = key.Hash(x.req, x.client)
	}
	a.Begin()
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
