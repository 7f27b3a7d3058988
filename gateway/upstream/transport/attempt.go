package transport

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// Do sends the request and reads the head of the response, in as many attempts as a allows. The error is an *upstream.Error, or wraps
// ErrContent and the error of Stream.
func (x *Exchange) Do(a *upstream.Attempts) error {
	x.timeout, x.failed, x.uploaded, x.upload, x.progress = a.To.Options().IdleTimeout, false, nil, nil, nil
	x.deadline, x.allowed, x.stream, x.holder = a.Deadline, a.Allowed, false, nil
	if x.Bound != nil {
		return x.doBound(a)
	}
	for {
		e, entered := a.Next(x.Now)
		if x.Endpoint = e; e == nil {
			return a.Nowhere()
		}
		if !entered {
			if err := x.enter(e, a.Deadline); err != nil {
				return err
			}
		}
		f, err := x.at(e, a)
		if err == nil {
			return nil
		}
		e.Release()
		if f.Err == nil || !a.Again(e, f) {
			return err
		}
	}
}

// enter waits in the queue of an endpoint.
func (x *Exchange) enter(e *upstream.Endpoint, deadline time.Time) error {
	ctx, stop := x.waitContext()
	defer stop()
	err := e.Acquire(deadline, ctx.Done())
	if over := x.abandoned(); over != nil {
		if err == nil {
			e.Release()
		}
		return over
	}
	if err != nil {
		return &upstream.Error{Status: 503, Class: upstream.ClassQueue, Err: err}
	}
	return nil
}

func (x *Exchange) expired() bool {
	deadline := x.deadline
	if p := x.progress; p != nil {
		p.mu.Lock()
		deadline = p.deadline
		p.mu.Unlock()
	}
	return !deadline.IsZero() && !time.Now().Before(deadline)
}

// at makes the exchange at one endpoint. If err is the endpoint's doing, f says how it failed.
func (x *Exchange) at(e *upstream.Endpoint, a *upstream.Attempts) (f upstream.Failure, err error) {
	if c := e.Conns().Take(x.Now); c != nil {
		f, err := x.on(c, e, a)
		if err == nil || f.Err == nil || !a.Stale(f) {
			return f, err
		}
		// The peer closed the idle connection as we took it: nothing was processed.
	}
	return x.onNew(e, a)
}

// onNew makes the exchange on a new connection.
func (x *Exchange) onNew(e *upstream.Endpoint, a *upstream.Attempts) (f upstream.Failure, err error) {
	c, err := x.connect(e)
	if over := x.abandoned(); over != nil {
		if err == nil {
			c.Close() // it was not used
		}
		return f, over
	}
	if err != nil {
		f.Err = upstream.Unconnected(err, x.expired())
		return f, f.Err
	}
	return x.on(c, e, a)
}

// on makes the exchange on one connection.
func (x *Exchange) on(c *conn.Conn, e *upstream.Endpoint, a *upstream.Attempts) (f upstream.Failure, err error) {
	x.conn = c
	x.closeWhenDone(c)
	head := x.Head
	if len(x.Content) > 0 {
		head = append(head, x.Content...)
		x.Head = head[:len(x.Head)]
	}
	now := time.Now() // the content or a connection may have taken long to come since x.Now
	sent, err := c.Send(head, now, x.timeout)
	x.note(&x.sent)
	x.began = now
	// A failed write may hide an early response: 413 and a reset, for example.
	wait := e.Options().FirstByteTimeout
	if x.awaits() {
		wait = min(wait, continueTimeout)
	}
	x.await(c, now, wait)
	if err == nil && x.Stream != nil && !x.awaits() {
		x.startUpload(c)
	}
	received, readErr := x.readHead(c)
	if readErr == nil && c.Reused && x.Stream == nil && upstream.Unprocessed(c.Response.Status, c.Response.Close) {
		x.drop(c)
		return upstream.Failure{Err: upstream.ErrUnprocessed, Unsent: true}, upstream.ErrUnprocessed
	}
	if readErr == nil {
		x.note(&x.received)
		e.Spoke()
		x.timeout, x.deadline, x.flow = a.Began(&c.Response), a.Deadline, c.Response.Flow
		x.begin(c)
		if c.Response.Status == 101 || x.flow == wire.Events {
			if x.stream = e.BeginStream(); !x.stream {
				x.stopUpload(true) // it fails because it is told to
				x.drop(c)
				x.release()
				return upstream.Failure{}, upstream.ErrStreams
			}
		}
		x.Response = &c.Response
		x.content = conn.NewContent(&c.Response, string(x.Method) == "HEAD")
		x.failed = err != nil
		return upstream.Failure{}, nil
	}
	if err := x.breakOff(c, readErr); err != nil {
		return upstream.Failure{}, err
	}
	f = upstream.Failure{Err: x.explain(readErr, received), Unsent: sent == 0, Received: received, Streamed: x.progress != nil}
	return f, f.Err
}

// breakOff ends an attempt that brought no response because of readErr. It returns why, if that is not the endpoint's doing.
func (x *Exchange) breakOff(c *conn.Conn, readErr error) error {
	upload, ended := x.pollUpload()
	if !ended {
		x.stopUpload(true) // it fails because it is told to
	}
	x.drop(c)
	over := x.abandoned()
	evicted := x.holder != nil && x.holder.Ended()
	x.release()
	switch {
	case over != nil:
		return over
	case evicted:
		return errEvicted
	case errors.Is(upload, ErrContent):
		return upload
	case errors.Is(readErr, ErrContent): // the client has gone
		return readErr
	}
	return nil
}

// drop closes the exchange's connection, which is broken.
func (x *Exchange) drop(c *conn.Conn) {
	x.unwatch()
	c.GiveBack()
	c.Close() // it is broken
	x.conn = nil
}

// explain returns the Error for what ended the wait for a response.
func (x *Exchange) explain(err error, received bool) *upstream.Error {
	var fault *wire.Fault
	switch {
	case x.expired():
		return &upstream.Error{Status: 504, Class: upstream.ClassTimeout, Err: err}
	case errors.As(err, &fault), errors.Is(err, errTooManyInterim), errors.Is(err, errUnaskedUpgrade):
		return &upstream.Error{Status: 502, Class: upstream.ClassMalformed, Err: err}
	case errors.Is(err, io.EOF) && received:
		return &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: conn.ErrCut}
	case errors.Is(err, io.EOF):
		return &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: errors.New("it closed the connection without an answer")}
	}
	return failure(err)
}

// failure returns the Error for what ended a wait on an endpoint.
func failure(err error) *upstream.Error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &upstream.Error{Status: 504, Class: upstream.ClassFirstByte, Err: err}
	}
	return &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: err}
}

// errEvicted is how an upload ends whose client was slow.
var errEvicted = &upstream.Error{Status: 503, Class: upstream.ClassSlow, Err: upstream.ErrSlowClient}

// connect makes a new connection, ready for the request, within connect_timeout and the deadline.
func (x *Exchange) connect(e *upstream.Endpoint) (*conn.Conn, error) {
	ctx, stop := x.waitContext()
	defer stop()
	return e.Conns().Connect(ctx, e.Conns().ConnectBy(x.deadline), x.Source, x.Target)
}
