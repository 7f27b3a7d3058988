package upstream

import (
	"errors"
)

// An Error says why an exchange has failed before its response began. Class is one of a closed
// set, for metrics; Status is what the client is answered with: 502, 503 or 504.
type Error struct {
	Status int
	Class  string
	Err    error
}

// The classes of an Error.
const (
	ClassNowhere   = "nowhere"     // the upstream has no endpoint: its name leads to none
	ClassDown      = "down"        // no endpoint has answered recently: this was not one of the requests that probe it
	ClassConnect   = "connect"     // no endpoint accepted a connection
	ClassQueue     = "queue"       // all connections are in use, and the queue is full or too slow
	ClassSlow      = "slow-client" // see Holder; it is not a failure of the upstream
	ClassStreams   = "streams"     // the endpoint has as many tunnels and event streams as it may
	ClassBroken    = "broken"      // the connection broke before the response began
	ClassMalformed = "malformed"   // the response is not valid HTTP/1.1
	ClassFirstByte = "first-byte"  // the response did not begin in time
	ClassTimeout   = "timeout"     // the route's timeout passed
)

// Classes returns all of them.
func Classes() []string {
	return []string{ClassNowhere, ClassDown, ClassConnect, ClassQueue, ClassStreams, ClassBroken, ClassMalformed, ClassFirstByte, ClassTimeout}
}

// ErrNowhere is why an exchange never began: the upstream has no endpoint.
var ErrNowhere = &Error{503, ClassNowhere, errors.New("no endpoint of it is known")}

// ErrDown is why an exchange never began: the upstream is down. See Upstream.down.
var ErrDown = &Error{502, ClassDown, errors.New("none of its endpoints answers; a few requests a second still try")}

// ErrStreams is why a stream did not begin: max_streams.
var ErrStreams = &Error{503, ClassStreams, errors.New("it has as many tunnels and event streams as max_streams allows")}

// ErrLate, ErrIdle and ErrStalled are why a response, or a tunnel, was ended by a limit of this side: the exchange's deadline
// has passed; a stream or tunnel was silent for too long; or a response that is not a stream was,
// which is the endpoint's failure. ErrSlowClient: see Holder.
var (
	ErrLate       = errors.New("the time for the exchange is over")
	ErrIdle       = errors.New("the stream was silent for too long")
	ErrSlowClient = errors.New("the client made less progress than others that hold a connection to the endpoint, and more wait for one")
	ErrStalled    = errors.New("the response made no progress for too long")
)

// Error returns the class with its cause.
func (e *Error) Error() string { return "upstream " + e.Class + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// WorthWaiting reports whether the same request may well succeed a moment later.
func (e *Error) WorthWaiting() bool {
	if e.Status == 504 {
		return false
	}
	switch e.Class {
	case ClassNowhere, ClassDown, ClassConnect, ClassQueue, ClassStreams, ClassBroken:
		return true
	}
	return false
}
