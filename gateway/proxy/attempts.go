package proxy

import (
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/config"
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
		a.Hash, a.Hashed = key.Hash(x.req, x.address)
	}
	a.Begin()
}
