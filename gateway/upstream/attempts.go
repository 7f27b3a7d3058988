package upstream

import (
	"errors"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/balance"
	"github.com/corsgate/corsgate/gateway/wire"
)

// MaxRetries bounds Options.Retries.
const MaxRetries = 10

// Attempts are what one exchange has tried, and what it may still try. Both engines ask here where
// to go and whether to try again, so that the rules are in one place. The zero value with To and the
// other exported fields is ready; Begin makes it so again.
type Attempts struct {
	To *Upstream
	// Choice is what the balance needs to know. Tried is not the caller's.
	balance.Choice
	// Deadline is when the exchange must have ended; zero: never.
	Deadline time.Time
	// Allowed, if it is not 0, has Deadline bound the time until the response begins only.
	// While content of the request flows it is moved: it is Allowed after the last piece.
	Allowed time.Duration
	// StreamIdle is for how long a response that is a stream of events, or of gRPC, may be
	// without progress. Others have the upstream's IdleTimeout. Nothing is learnt of an
	// endpoint from a stream that is idle for too long.
	StreamIdle time.Duration
	// Idempotent says that sending the request twice has the same effect as sending it once.
	// See RFC 9110, section 9.2.2.
	Idempotent bool

	left    int
	refused bool // because the upstream is down
	list    [MaxRetries + 1]*balance.Member
}

// Begin makes a ready for a new exchange.
func (a *Attempts) Begin() {
	a.left, a.refused = a.To.opts.Retries, false
	clear(a.Tried)
	a.Tried = a.list[:0]
}

// Next chooses the endpoint of the next attempt, which begins now, and enters it. If it reports false, the exchange
// has to wait in the queue of the endpoint: it and all others are full. The endpoint is nil if there is
// none; Nowhere says why.
func (a *Attempts) Next(now time.Time) (e *Endpoint, entered bool) {
	if a.To.down.Load() && !a.To.mayTry(time.Now()) {
		a.refused = true
		return nil, false
	}
	e = a.To.Pick(&a.Choice)
	if e == nil {
		return nil, false
	}
	if entered = e.TryAcquire(); !entered {
		if other := a.notFull(); other != nil && other.TryAcquire() {
			e, entered = other, true
		}
	}
	e.load.Use(now)
	return e, entered
}

// notFull returns the least busy endpoint that has room and was not tried, or nil.
func (a *Attempts) notFull() *Endpoint {
	s := a.To.set.Load()
	i := s.choice.Least(func(i int) bool { return !s.active[i].full() && !a.HasTried(&s.active[i].load) })
	if i < 0 {
		return nil
	}
	return s.active[i]
}

// Nowhere returns why Next has chosen no endpoint.
func (a *Attempts) Nowhere() *Error {
	if a.refused {
		return ErrDown
	}
	return ErrNowhere
}

// Began notes that the response has begun, and returns how long its content may be without progress.
func (a *Attempts) Began(r *wire.Response) (idle time.Duration) {
	if a.Allowed > 0 {
		a.Deadline = time.Time{}
	}
	if r.Flow != wire.Plain && a.StreamIdle > 0 {
		return a.StreamIdle
	}
	return a.To.opts.IdleTimeout
}

// A Failure is how an attempt failed before a response began.
type Failure struct {
	Err      *Error
	Unsent   bool // no part of the request can have reached the endpoint
	Received bool // something of a response has come
	Streamed bool // content was sent that is not there any more
}

// Stale reports whether an attempt on a connection that had been used before may be made again at
// once, at the same endpoint on a new connection: the endpoint has most likely closed the idle
// connection as it was taken, which is not a failure. It does not count as a retry.
func (a *Attempts) Stale(f Failure) bool { return a.repeatable(f) && !a.expired() }

// Again reports whether another attempt should follow one at e that failed. It must be
// safe, the exchange must have retries and time left, and the upstream's budget some. It also
// notes the failure for the ejection of e.
func (a *Attempts) Again(e *Endpoint, f Failure) bool {
	if Exhausted(f.Err) {
		return false // it would be no better elsewhere
	}
	if f.Err.Class != ClassQueue && f.Err.Class != ClassStreams {
		e.failedBy(f)
	}
	if a.left == 0 || !a.repeatable(f) || a.expired() || a.To.down.Load() || !a.To.budget.take() {
		return false
	}
	a.left--
	a.Tried = append(a.Tried, &e.load)
	if a.To.opts.Retried != nil {
		a.To.opts.Retried()
	}
	return true
}

// repeatable reports whether it is safe to send the request again: no part of it was sent, or
// nothing has come back and its method allows it. An endpoint that was too slow has got the
// request; sending more to slow endpoints does not help.
func (a *Attempts) repeatable(f Failure) bool {
	if f.Received || f.Streamed {
		return false
	}
	switch f.Err.Class {
	case ClassConnect:
		return true
	case ClassBroken:
		return f.Unsent || a.Idempotent
	}
	return false
}

func (a *Attempts) expired() bool { return !a.Deadline.IsZero() && !time.Now().Before(a.Deadline) }

// IsIdempotent reports whether a method is idempotent: sending its request twice has the effect of
// sending it once. See RFC 9110, section 9.2.2.
func IsIdempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}

// Unprocessed reports whether a response on a connection that had been used before says that the
// endpoint has not seen the request: it closed the idle connection, and said so by a 408, as the
// request was sent. See RFC 9110, section 15.5.9.
func Unprocessed(status int, closes bool) bool { return status == 408 && closes }

// ErrUnprocessed is the Failure of such a response.
var ErrUnprocessed = &Error{502, ClassBroken, errors.New("it closed the idle connection")}
