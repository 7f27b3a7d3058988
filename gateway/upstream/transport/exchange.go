package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// An Exchange is one request to an upstream and its response. The caller fills the exported
// fields, calls Do, renders the response from Response, reads its content by Next until
// io.EOF, and calls End in any case. An Exchange may be used again after End. One goroutine uses it.
type Exchange struct {
	// Head is the whole request head; Content is content that follows it at once.
	Head, Content []byte
	// Stream, if set, is read for content until io.EOF and written as it comes, while the
	// response is already being read; Chunked says to frame it in chunks. Otherwise
	// io.EOF should come with the last bytes: a response that is quicker than it is an early one.
	Stream  io.Reader
	Chunked bool
	// RequestTrailers, if set, returns the lines of the trailer section that follows the
	// content, when Stream has come to its end. It needs Chunked, and is called by the
	// goroutine that reads Stream. See [wire.Chunked.Trailers].
	RequestTrailers func() ([]byte, error)
	// Continue, if set, holds Stream back: Head says "Expect: 100-continue", and Stream is not read
	// before the upstream has asked for it, or a second has passed. Continue is called first. If the
	// final response comes before that, Stream is never read. See RFC 9110, section 10.1.1.
	Continue func() error
	// Interim, if set, is called for each interim response (1xx) but 100 and 101, within Do.
	Interim func(*wire.Response) error
	// Upgrade is the protocol that the request asks to switch to, "": none. A response of status 101 has
	// then agreed to it; Tunnel carries the rest. Of a WebSocket, WebSocketKey is the
	// Sec-WebSocket-Key.
	Upgrade      string
	WebSocketKey []byte
	// Method of the request: HEAD has a response without content.
	Method []byte
	// Source and Target are the two ends of the client's connection, for upstreams that are told by
	// the PROXY protocol. Other upstreams need none.
	Source, Target net.Addr
	// Now is the time at which the exchange begins.
	Now time.Time
	// Cancel makes a read of Stream that is under way fail. Needed with Stream.
	Cancel func()

	// Timed has Own measured.
	Timed bool

	// Waiter, if set, is watched while the upstream lets us wait, but not while a Stream is read from
	// it. If it goes the exchange ends with ErrGone.
	Waiter Waiter

	// Bound, if set, is the client's own connection, on which the exchange is made, once, and which it is left to.
	Bound *Bound

	// Context, if set, ends the exchange when it is done, wherever that is: Do or Next returns its error.
	Context context.Context

	// Endpoint is the one that was used, after Do; nil: there was none.
	Endpoint *upstream.Endpoint
	// Response is the head of the final response after a Do without an error. It is valid until
	// the first Next.
	Response *wire.Response

	conn     *conn.Conn
	deadline time.Time // when the exchange must have ended; zero: never
	content  conn.Content
	timeout  time.Duration // for a wait on content
	uploaded chan error    // has the outcome of the upload, once
	upload   error
	progress *progress        // of the upload, if there is a Stream
	began    time.Time        // when the last attempt had a connection, if Timed
	sent     time.Time        // when the request was sent
	received time.Time        // when the response's head was there
	failed   bool             // the connection must not be used again
	sends    upstream.Holder  // of the upload
	slow     upstream.Holder  // of the response
	holder   *upstream.Holder // the one of these that is held; nil: none
	stream   bool             // it counts as a stream of the endpoint
	flow     wire.Flow        // of the response
	allowed  time.Duration    // see Attempts.Allowed

	gone      atomic.Bool
	glances   bool      // the wait may become longer than its deadline; see await
	waitBy    time.Time // when it ends then
	stopWatch func()    // nil: the client is not watched
}

// ErrContent marks a failure that the content of the request has caused, not the upstream.
var ErrContent = errors.New("the content of the request could not be read")

// lastPiece bounds the wait for the last piece of an upload after the response has ended: it is on
// its way, unless the upstream has stopped reading.
const lastPiece = time.Second

// End ends the exchange: the connection is kept if it is clean, else closed.
func (x *Exchange) End(now time.Time) {
	c, e := x.conn, x.Endpoint
	if c == nil {
		return
	}
	complete := x.content.Done() && !x.failed && !x.awaits()
	if x.uploaded != nil {
		// The rest of the client's content is not needed: the response is complete. What was
		// read is about to be sent, or has just been.
		if complete = complete && x.ContentRead(); complete {
			c.SetWriteDeadline(time.Now().Add(lastPiece)) // a dead socket shows at the write
		}
		complete = x.stopUpload(!complete) == nil && complete
		c.WriteBy = time.Time{} // not before the upload has ended: it is the upload's until then
	}
	if x.content.Done() {
		e.Answered(c.Response.Status)
	}
	clean := complete && x.content.Clean(c)
	shared := !e.Options().SendProxy && !c.Response.ConnectionAuth
	c.GiveBack()
	switch {
	case clean && x.Bound != nil:
		c.Idle(now)
		x.Bound.conn = c
	case clean && shared:
		e.Conns().Give(c, now, conn.Rest(&c.Response, string(x.Method) == "HEAD"))
	default:
		c.Close() // it is not to be used again
	}
	x.unwatch()
	x.conn, x.Response, x.Stream, x.Cancel, x.Continue, x.Content, x.Waiter, x.Context, x.Bound = nil, nil, nil, nil, nil, nil, nil, nil, nil
	x.RequestTrailers = nil
	x.content.Forget()
	if x.stream {
		x.stream = false
		e.EndStream()
	} else {
		e.Release()
	}
	x.release() // only now: until the place is free, one that is to make room counts
}

// Holds notes that the response is relayed to a client that may be slow to take it. end ends
// that; see Holder. Before each piece Waits is called on the Holder, and Moved after it. End,
// which releases it, follows.
func (x *Exchange) Holds(end func()) *upstream.Holder {
	x.release() // of an upload
	x.holder, x.slow.End = &x.slow, end
	x.Endpoint.Hold(x.holder)
	return x.holder
}

// release ends what the exchange holds for its client.
func (x *Exchange) release() {
	if x.holder != nil {
		x.holder.Release()
		x.holder = nil
	}
}

// note notes the time, if it is measured.
func (x *Exchange) note(t *time.Time) {
	if x.Timed {
		*t = time.Now()
	}
}

// Own returns for how long this side has worked on the exchange: on sending the request, and since
// the response's head was there. It is 0 unless Timed.
// Precondition: Do has returned no error.
func (x *Exchange) Own() time.Duration {
	if !x.Timed {
		return 0
	}
	return x.sent.Sub(x.began) + time.Since(x.received)
}

// ContentRead reports whether the request's content has been read from Stream completely.
// After that the reader of Stream may be used by the caller again.
func (x *Exchange) ContentRead() bool {
	if x.progress == nil {
		return !x.awaits()
	}
	return x.progress.read.Load()
}

// Pending reports whether Next returns without waiting.
func (x *Exchange) Pending() bool { return x.content.Pending(x.conn) }
