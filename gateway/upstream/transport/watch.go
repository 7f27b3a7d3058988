package transport

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/conn"
)

// This file ends an exchange whose client has gone. To watch a client costs a goroutine, so it
// begins when the upstream has let us wait for a while, which most do not.

// ErrGone says that the client has gone before the exchange was over.
var ErrGone = errors.New("the client has gone")

// A Waiter waits for an exchange, and can be watched while nothing is read from it.
type Waiter interface {
	// Watch has gone called, on another goroutine, when it has gone, until stop is called.
	Watch(gone func()) (stop func())
}

// await gives a wait on the endpoint its deadline, timeout from now or the exchange's. If it
// may become long, it is interrupted before, for patient to begin the watch.
func (x *Exchange) await(c *conn.Conn, now time.Time, timeout time.Duration) {
	if x.Waiter == nil || x.stopWatch != nil || timeout <= conn.Glance {
		x.glances = false
		c.ArmRead(now, timeout, x.deadline)
		return
	}
	x.glances, x.waitBy = true, now.Add(timeout)
	if !x.deadline.IsZero() && x.deadline.Before(x.waitBy) {
		x.waitBy = x.deadline
	}
	if x.Stream != nil {
		uploaded, release := x.progress.hold()
		defer release()
		if !uploaded {
			// The client is read from, and so watched. The end of the upload is the glance.
			c.ArmRead(now, timeout, x.deadline)
			return
		}
	}
	// As it stands, it may be soon enough and not too soon: moving it costs more than a short read.
	if left := c.ReadBy.Sub(now); left < conn.Glance/2 || left > conn.Glance {
		c.SetReadBy(now.Add(conn.Glance))
	}
}

// patient reports whether a wait that has ended with err continues: it was only the glance.
func (x *Exchange) patient(c *conn.Conn, err error) bool {
	if !x.glances || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if x.Stream != nil {
		uploaded, release := x.progress.hold()
		release()
		if !uploaded {
			return false // it was the deadline
		}
		if by := x.progress.until; by.After(x.waitBy) {
			x.waitBy = by // the upload has moved it
		}
	}
	x.glances = false
	c.SetReadBy(x.waitBy)
	gone := &x.gone
	x.stopWatch = x.Waiter.Watch(func() {
		gone.Store(true)
		c.Conn.Close() // a pending wait notices
	})
	return true
}

// context returns the exchange's context, which is never nil.
func (x *Exchange) context() context.Context {
	if x.Context == nil {
		return context.Background()
	}
	return x.Context
}

// waitContext returns a context for a wait that comes before anything was sent: it is done when no one waits
// for the exchange any more. The client is watched after a glance, from when on only stop, which must
// be called, returns it to the caller.
func (x *Exchange) waitContext() (ctx context.Context, stop func()) {
	if x.Waiter == nil {
		return x.context(), func() {}
	}
	ctx, cancel := context.WithCancel(x.context())
	var mu sync.Mutex
	var over bool
	unwatch := func() {}
	glanced := time.AfterFunc(conn.Glance, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			unwatch = x.Waiter.Watch(func() {
				x.gone.Store(true)
				cancel()
			})
		}
	})
	return ctx, func() {
		glanced.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
		unwatch()
		cancel()
	}
}

// closeWhenDone closes c when the context is done, in place of the watch of a client. unwatch ends it.
func (x *Exchange) closeWhenDone(c *conn.Conn) {
	if x.Context != nil {
		over := context.AfterFunc(x.Context, func() { c.Conn.Close() }) // a pending wait notices
		x.stopWatch = func() { over() }
	}
}

// abandoned returns why the exchange is no longer wanted, or nil.
func (x *Exchange) abandoned() error {
	if x.gone.Load() {
		return ErrGone
	}
	return x.context().Err()
}

// unwatch ends the watch.
func (x *Exchange) unwatch() {
	if x.stopWatch != nil {
		x.stopWatch()
		x.stopWatch = nil
	}
}
