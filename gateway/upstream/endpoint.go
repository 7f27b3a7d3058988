package upstream

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/balance"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
)

// An Endpoint is one server of an upstream, with its idle connections.
type Endpoint struct {
	Address Address

	upstream *Upstream
	load     balance.Member // with its exchanges now, of both engines
	opts     *Options
	streams  atomic.Int64 // tunnels and event streams now, which are not inFlight
	waiting  atomic.Int64 // exchanges in the queue
	entered  atomic.Int64 // exchanges so far
	failures atomic.Int64 // exchanges that have failed in a row
	dead     atomic.Int64 // the same, without a response to any
	queue    queue
	holders  holders

	condition
	cancelChecks context.CancelFunc // nil: there are none; guarded like condition

	conns conn.Pool
}

func newEndpoint(a Address, u *Upstream) *Endpoint {
	e := &Endpoint{Address: a, upstream: u, opts: &u.opts}
	e.load.Init(a.id())
	e.conns.Server = conn.Server{
		Network: a.Network, Address: a.Dial, TLS: conn.ClientTLS(u.opts.TLS, a.ServerName), SendProxy: u.opts.SendProxy,
		ConnectTimeout: u.opts.ConnectTimeout, KeepAlive: u.opts.KeepAlive, Descriptors: u.opts.Descriptors,
		Exhausted: func() {
			if u.OnExhausted != nil {
				u.OnExhausted()
			}
		},
	}
	return e
}

// Options returns the options of the endpoint's upstream, which must not be changed.
func (e *Endpoint) Options() *Options { return e.opts }

// Conns returns the endpoint's connections.
func (e *Endpoint) Conns() *conn.Pool { return &e.conns }

// Closed reports whether the endpoint has left its upstream, or that has been stopped: idle
// connections to it are of no more use.
func (e *Endpoint) Closed() bool { return e.conns.Closed() }

// Dial makes a new connection, within connect_timeout and before deadline, if that is not zero. It
// does not speak TLS and sends no PROXY header.
func (e *Endpoint) Dial(deadline time.Time) (net.Conn, error) {
	return e.conns.Dial(context.Background(), e.conns.ConnectBy(deadline))
}

// Spare closes the connections that have been idle longest, half of them: descriptors are needed.
func (u *Upstream) Spare() {
	for _, e := range u.Endpoints() {
		e.conns.Spare()
	}
}

// Patiently calls try until there are descriptors for it; see [conn.Pool.Patiently].
func (e *Endpoint) Patiently(ctx context.Context, by time.Time, try func() error) error {
	return e.conns.Patiently(ctx, by, try)
}
