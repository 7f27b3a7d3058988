package transport

import (
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
)

// A Bound is the connection to an endpoint that belongs to one client: it was authenticated for that client alone, so
// no other exchange may have it. The zero value has no connection yet. It is for one goroutine.
type Bound struct {
	endpoint *upstream.Endpoint
	conn     *conn.Conn // nil: none, or an exchange has it
}

// Close closes the connection.
func (b *Bound) Close() {
	if b.conn != nil {
		b.conn.Close() // it is not to be used again
		b.conn = nil
	}
}

// take returns the connection if it is there and open.
func (b *Bound) take(now time.Time) *conn.Conn {
	c := b.conn
	if c == nil {
		return nil
	}
	if b.endpoint.Closed() || !c.Quiet(now) {
		b.Close()
		return nil
	}
	b.conn = nil
	c.Use(false)
	return c
}

// doBound is Do on a connection that belongs to the client, or will. There is one attempt: on another connection the
// request would be another client's.
func (x *Exchange) doBound(a *upstream.Attempts) error {
	c := x.Bound.take(x.Now)
	e, entered := x.Bound.endpoint, false
	if c != nil {
		entered = e.TryAcquire()
	} else if e, entered = a.Next(x.Now); e == nil {
		x.Endpoint = nil
		return a.Nowhere()
	}
	x.Endpoint, x.Bound.endpoint = e, e
	if !entered {
		if err := x.enter(e, a.Deadline); err != nil {
			x.Bound.conn = c
			return err
		}
	}
	f, err := x.onBound(c, e, a)
	if err == nil {
		return nil
	}
	e.Release()
	if f.Err != nil && !upstream.Exhausted(f.Err) {
		e.Failed()
	}
	return err
}

// onBound makes the exchange on c, or, if that is nil, on a new connection.
func (x *Exchange) onBound(c *conn.Conn, e *upstream.Endpoint, a *upstream.Attempts) (f upstream.Failure, err error) {
	if c == nil {
		return x.onNew(e, a)
	}
	return x.on(c, e, a)
}
