package loop

import (
	"context"
	"syscall"
	"time"

	sockets "github.com/corsgate/corsgate/gateway/socket"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// upstreams make the exchanges of a loop with upstreams. Who they are made for they know as a caller only.
type upstreams struct {
	pools
	posted *taskQueue
}

// An upconn is a connection to an endpoint. It is idle, or belongs to one exchange.
type upconn struct {
	socket
	pool   *pool
	call   *call // nil: idle
	reused bool
	since  time.Time // idle since

	unsent   []byte // of the request, not ours: part of what Exchange.Request returned
	saved    []byte // part of a response's head
	interims int8
	status   int16
	got      bool // a byte of a response has come

	// Of a response whose head was received.
	begun   bool         // the head is on its way to the client
	as      wire.Framing // how content goes to the client
	framing wire.Framing // how it comes
	left    int64
	chunked wire.Chunked
	keep    bool // the connection may be used again after it
	flow    wire.Flow
	holder  *upstream.Holder // nil: it has not had to wait for its client
	stream  bool             // it counts as a stream of the endpoint
	wait    time.Duration    // for more of it
	rests   time.Duration    // but not at once; see conn.Rest
}

// A hold is a call's wait for a connection: in the endpoint's queue, or for one that is being made.
type hold struct {
	call  *call // nil: given up
	pool  *pool
	place *upstream.Place // nil: not in the queue
}

// choose picks an endpoint for the next attempt of c's exchange.
func (ups *upstreams) choose(c *call) {
	a := c.x.Attempts()
	e, entered := a.Next(ups.now)
	if e == nil {
		ups.fail(c, nil, a.Nowhere())
		return
	}
	p := ups.poolOf(e)
	switch {
	case entered:
		ups.connect(c, p)
	case ups.queue(c, p):
	default:
		ups.fail(c, e, &upstream.Error{Status: 503, Class: upstream.ClassQueue, Err: upstream.ErrQueueFull})
	}
}

// connect gives c's exchange, which has entered the endpoint, a connection: an idle one, or a new.
func (ups *upstreams) connect(c *call, p *pool) {
	if u := ups.take(p, c.x.Attempts().Idempotent); u != nil {
		u.reused = true
		ups.ask(c, u)
		return
	}
	ups.dial(c, p)
}

// dial makes a connection on a goroutine, which can look names up and wait; it is rare.
func (ups *upstreams) dial(c *call, p *pool) {
	h := &hold{call: c, pool: p}
	c.hold = h
	deadline := c.x.Attempts().Deadline
	go func() {
		fd, err := dialOnce(p.endpoint, deadline)
		if ups.posted.post(func() { ups.dialed(h, fd, err) }) {
			return
		}
		p.endpoint.Release()
		if err == nil {
			unix.Close(fd) // it was not used
		}
	}()
}

// dialOnce returns a connected descriptor of our own.
func dialOnce(e *upstream.Endpoint, deadline time.Time) (fd int, err error) {
	nc, err := e.Dial(deadline)
	if err != nil {
		return -1, err
	}
	defer nc.Close() // the duplicate goes on
	err = e.Patiently(context.Background(), deadline, func() error {
		fd, err = sockets.Duplicate(nc.(syscall.Conn))
		return err
	})
	return fd, err
}

// dialed is told what became of a dial.
func (ups *upstreams) dialed(h *hold, fd int, err error) {
	p, c := h.pool, h.call
	if c != nil {
		c.to.blame()
	}
	u := &upconn{pool: p}
	if u.fd, u.up = int32(fd), u; err == nil {
		if err = ups.add(&u.socket, readable); err != nil {
			ups.shut(&u.socket)
		}
	}
	if err != nil {
		p.endpoint.Release()
		if c == nil {
			return
		}
		c.hold = nil
		f := upstream.Failure{Err: upstream.Unconnected(err, expired(c.x.Attempts().Deadline)), Unsent: true}
		ups.again(c, p, f)
		c.to.settle()
		return
	}
	if c == nil {
		p.endpoint.Release()
		ups.idle(u)
		return
	}
	c.hold = nil
	ups.ask(c, u)
}

func expired(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// part separates a connection from its client and ends its exchange at the endpoint.
func (ups *upstreams) part(u *upconn) {
	c := u.call
	u.call, c.up, u.unsent = nil, nil, nil
	if c.feeding == u {
		c.feeding = nil
	}
	if u.stream {
		u.stream = false
		u.pool.endpoint.EndStream()
	} else {
		u.pool.endpoint.Release()
	}
	if u.holder != nil { // only now: until the place is free, one that is to make room counts
		u.holder.Release()
		u.holder = nil
	}
}

// queue has c wait in the queue of an endpoint, if there is room. The client's deadline is that of the exchange, if it has
// one; what else bounds the wait is for the queue to say.
func (ups *upstreams) queue(c *call, p *pool) bool {
	h := &hold{call: c, pool: p}
	h.place = &upstream.Place{Done: func(err error) {
		if !ups.posted.post(func() { ups.queued(h, err) }) && err == nil {
			p.endpoint.Release()
		}
	}}
	c.hold = h
	if !p.endpoint.Queue(h.place) {
		c.hold = nil
		return false
	}
	c.to.waitsBy(c.x.Attempts().Deadline)
	return true
}

// queued is told what became of a wait in the queue.
func (ups *upstreams) queued(h *hold, err error) {
	c, p := h.call, h.pool
	switch {
	case c == nil && err == nil:
		p.endpoint.Release()
	case c == nil:
	case err != nil:
		c.to.blame()
		ups.notServed(c, err)
	default:
		c.to.blame()
		c.hold = nil
		c.to.waits()
		ups.connect(c, p)
	}
}

// queueExpired acts on a wait in the queue that took too long for the exchange.
func (ups *upstreams) queueExpired(c *call) {
	if c.hold.place == nil {
		return // the dial has a deadline of its own
	}
	ups.quit(c)
	ups.notServed(c, upstream.ErrQueueSlow)
}

// notServed answers a request for which no connection became free.
func (ups *upstreams) notServed(c *call, err error) {
	ups.fail(c, c.hold.pool.endpoint, &upstream.Error{Status: 503, Class: upstream.ClassQueue, Err: err})
	c.to.settle()
}

// quit gives up c's wait. A dial that is under way keeps its permit until it is done, and so does a place that was just served.
func (ups *upstreams) quit(c *call) {
	h := c.hold
	if h.call = nil; h.place != nil {
		h.pool.endpoint.LeaveQueue(h.place)
	}
}
