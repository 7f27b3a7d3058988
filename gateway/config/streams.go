package config

import "time"

// Auto, as Route.Timeout, is what it means: the response has to begin within AutoTimeout.
const Auto time.Duration = -1

// AutoTimeout is the time within which the response of a route without a timeout must begin.
const AutoTimeout = time.Minute

// Defaults of Upstream.IdleTimeout and Timeouts.Idle. What else is written there bounds streams and tunnels, too.
const (
	DefaultIdleTimeout = 30 * time.Second
	DefaultIdle        = 75 * time.Second
)

// DefaultStreamIdle is how long a WebSocket, another tunnel or an event stream may be without a byte, where nothing
// else is written.
const DefaultStreamIdle = 5 * time.Minute

// A Bound is a limit on time, and the key that says it.
type Bound struct {
	// Time is the timeout; 0: none.
	Time time.Duration
	// Key is the one to change.
	Key string
}

// StreamIdle returns what bounds the silence of event streams and of streams of gRPC from an upstream, on a route.
func (r *Route) StreamIdle(u *Upstream) Bound {
	switch key := "route." + r.Name + ".idle_timeout"; {
	case r.IdleTimeout != nil:
		return Bound{*r.IdleTimeout, key}
	case u.IdleTimeout != DefaultIdleTimeout:
		return Bound{u.IdleTimeout, "upstream." + u.Name + ".idle_timeout"}
	default:
		return Bound{DefaultStreamIdle, key}
	}
}

// TunnelIdle returns what bounds the silence of tunnels on a route.
func (r *Route) TunnelIdle(t *Timeouts) Bound {
	switch key := "route." + r.Name + ".idle_timeout"; {
	case r.IdleTimeout != nil:
		return Bound{*r.IdleTimeout, key}
	case t.Idle != DefaultIdle:
		return Bound{t.Idle, "timeouts.idle"}
	default:
		return Bound{DefaultStreamIdle, key}
	}
}
