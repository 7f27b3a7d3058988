package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// An Exchange is one request to an upstream and its response. The caller fills the exported
// fields, calls Attempts.Do, renders the response from Response, reads its content by Next until
// io.EOF, and calls End in any case. An Exchange may be used again after End. One goroutine uses it.
type Exchange struct {
	// Head is the whole request head; Content is content that follows it at once.
	Head, Content []byte
	// Stream, if set, is read for content until io.EOF and written as it comes, while the
	// response is already being read; Chunked says that it is to be framed in chunks. Otherwise
	// io.EOF should come with the last octets: a response that is quicker than it is an early one.
	Stream  io.Reader
	Chunked bool
	// RequestTrailers, if set, returns the lines of the trailer section that follows the content, when Stream has come to its end. It
	// needs Chunked, and is called by the goroutine that reads Stream. See [wire.Chunked.Trailers].
	RequestTrailers func() ([]byte, error)
	// Continue, if set, holds Stream back: Head says "Expect: 100-continue", and Stream is not read
	// before the upstream has asked for it, or a second has passed. Continue is called first. If the
	// final response comes before that, Stream is never read. See RFC 9110, section 10.1.1.
	Continue func() error
	// Interim, if set, is called for each interim response (1xx) but 100 and 101, within Do.
	Interim func(*wire.Response) error
	// Upgrade is the protocol that the request asks to switch to, "": none. A response of status 101 has
	// then agreed to it; what follows is had by Tunnel. Of a WebSocket, WebSocketKey is the
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

	// Client, if set, is watched while the upstream lets us wait, but not while a Stream is read from
	// it. If it goes the exchange ends with ErrGone.
	Client Client

	// Bound, if set, is the client's own connection, on which the exchange is made, once, and which it is left to.
	Bound *Bound

	// Context, if set, ends the exchange when it is done, wherever that is: Do or Next returns its error.
	Context context.Context

	// Endpoint is the one that was used, after Do; nil: there was none.
	Endpoint *Endpoint
	// Response is the head of the final response after a Do without an error. It is valid until
	// the first Next.
	Response *wire.Response

	conn     *conn
	deadline time.Time // when the exchange must have ended; zero: never
	content  content
	timeout  time.Duration // for a wait on content
	uploaded chan error    // has the outcome of the upload, once
	upload   error
	progress *progress     // of the upload, if there is a Stream
	began    time.Time     // when the last attempt had a connection, if Timed
	sent     time.Time     // when the request was sent
	received time.Time     // when the response's head was there
	failed   bool          // the connection must not be used again
	sends    Holder        // of the upload
	slow     Holder        // of the response
	holder   *Holder       // the one of these that is held; nil: none
	stream   bool          // it counts as a stream of the endpoint
	flow     wire.Flow     // of the response
	allowed  time.Duration // see Attempts.Allowed

	gone      atomic.Bool
	glances   bool      // the wait may become longer than its deadline; see await
	waitBy    time.Time // when it ends then
	stopWatch func()    // nil: the client is not watched
}

// lastPiece bounds the wait for the last piece of an upload after the response has ended: it is on
// its way, unless the upstream has stopped reading.
const lastPiece = time.Second

// ErrContent marks a failure that the content of the request has caused, not the upstream.
var ErrContent = errors.New("the content of the request could not be read")

// Do sends the request and reads the head of the response. The error is an *Error, or wraps
// ErrContent and the error of Stream.
func (a *Attempts) Do(x *Exchange) error {
	x.timeout, x.failed, x.uploaded, x.upload, x.progress = a.To.opts.IdleTimeout, false, nil, nil, nil
	x.deadline, x.allowed, x.stream, x.holder = a.Deadline, a.Allowed, false, nil
	if x.Bound != nil {
		return a.doBound(x)
	}
	for {
		e, entered := a.Next()
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
		e.Leave()
		if f.Err == nil || !a.Again(e, f) {
			return err
		}
	}
}

// enter waits in the queue of an endpoint.
func (x *Exchange) enter(e *Endpoint, deadline time.Time) error {
	ctx, stop := x.heed()
	defer stop()
	err := e.enter(deadline, ctx.Done())
	if over := x.abandoned(); over != nil {
		if err == nil {
			e.Leave()
		}
		return over
	}
	if err != nil {
		return &Error{503, ClassQueue, err}
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
func (x *Exchange) at(e *Endpoint, a *Attempts) (f Failure, err error) {
	if c := e.take(x.Now); c != nil {
		f, err := x.on(c, e, a)
		if err == nil || f.Err == nil || !a.Stale(f) {
			return f, err
		}
		// The peer closed the idle connection as we took it: nothing was processed.
	}
	c, err := e.connect(x)
	if over := x.abandoned(); over != nil {
		if err == nil {
			c.Close() // it was not used
		}
		return f, over
	}
	if err != nil {
		f.Err = Unconnected(err, x.expired())
		return f, f.Err
	}
	return x.on(c, e, a)
}

// on makes the exchange on one connection.
func (x *Exchange) on(c *conn, e *Endpoint, a *Attempts) (f Failure, err error) {
	x.conn = c
	x.obey(c)
	head := x.Head
	if len(x.Content) > 0 {
		head = append(head, x.Content...)
		x.Head = head[:len(x.Head)]
	}
	now := time.Now() // the content or a connection may have taken long to come since x.Now
	sent, err := c.send(head, now, x.timeout)
	x.note(&x.sent)
	x.began = now
	// A failed write may hide an early response: 413 and a reset, for example.
	wait := e.opts.FirstByteTimeout
	if x.awaits() {
		wait = min(wait, continueTimeout)
	}
	x.await(c, now, wait)
	if err == nil && x.Stream != nil && !x.awaits() {
		x.startUpload(c)
	}
	received, readErr := x.readHead(c)
	if readErr == nil && c.reused && x.Stream == nil && Unprocessed(c.response.Status, c.response.Close) {
		x.drop(c)
		return Failure{Err: ErrUnprocessed, Unsent: true}, ErrUnprocessed
	}
	if readErr == nil {
		x.note(&x.received)
		e.Spoke()
		x.timeout, x.deadline, x.flow = a.Began(&c.response), a.Deadline, c.response.Flow
		x.begin(c)
		if c.response.Status == 101 || x.flow == wire.Events {
			if x.stream = e.BeginStream(); !x.stream {
				x.stopUpload(true) // it fails because it is told to
				x.drop(c)
				x.release()
				return Failure{}, ErrStreams
			}
		}
		x.Response = &c.response
		x.content = newContent(&c.response, string(x.Method) == "HEAD")
		x.failed = err != nil
		return Failure{}, nil
	}
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
		return Failure{}, over
	case evicted:
		return Failure{}, errEvicted
	case errors.Is(upload, ErrContent):
		return Failure{}, upload
	case errors.Is(readErr, ErrContent): // the client has gone
		return Failure{}, readErr
	}
	f = Failure{Err: x.explain(readErr, received), Unsent: sent == 0, Received: received, Streamed: x.progress != nil}
	return f, f.Err
}

// drop closes the exchange's connection, which is broken.
func (x *Exchange) drop(c *conn) {
	x.unwatch()
	c.giveBack()
	c.Close() // it is broken
	x.conn = nil
}

// explain returns the Error for what ended the wait for a response.
func (x *Exchange) explain(err error, received bool) *Error {
	var fault *wire.Fault
	switch {
	case x.expired():
		return &Error{504, ClassTimeout, err}
	case errors.As(err, &fault), errors.Is(err, errTooManyInterim), errors.Is(err, errUnaskedUpgrade):
		return &Error{502, ClassMalformed, err}
	case errors.Is(err, io.EOF) && received:
		return &Error{502, ClassBroken, ErrCut}
	case errors.Is(err, io.EOF):
		return &Error{502, ClassBroken, errors.New("it closed the connection without an answer")}
	}
	return failure(err)
}

// Next returns the next run of the response's content, valid until the next call, and io.EOF at
// its end. Any other error means that the response is incomplete: the client must notice.
func (x *Exchange) Next() ([]byte, error) {
	c := x.conn
	if !x.content.pending(c) {
		x.await(c, time.Now(), x.timeout)
	}
	run, err := x.content.next(c)
	for err != nil && x.patient(c, err) {
		run, err = x.content.next(c)
	}
	if err == nil || err == io.EOF {
		return run, err
	}
	idle := errors.Is(err, os.ErrDeadlineExceeded)
	switch over := x.abandoned(); {
	case over != nil:
		return nil, over
	case x.expired(): // a long exchange that ran out of time is nobody's failure
		return run, ErrLate
	case idle && x.flow != wire.Plain:
		return run, ErrIdle
	case idle:
		err = ErrStalled
	}
	x.Endpoint.Failed()
	return run, err
}

// Trailers returns the lines of the response's trailer section, when Next has returned io.EOF. They are valid until End, and may be
// none. See [wire.Chunked.Trailers].
func (x *Exchange) Trailers() []byte { return x.content.chunked.Trailers() }

// Whole returns all content of the response if it has come in with the head, and whether that is
// so. The slice is valid until End.
func (x *Exchange) Whole() ([]byte, bool) {
	t, c := &x.content, x.conn
	if t.done {
		return nil, true
	}
	if t.framing != wire.ByLength || t.left > int64(c.w-c.r) {
		return nil, false
	}
	content, err := t.decode(c)
	return content, err == nil
}

// End ends the exchange: the connection is kept if it is clean, else closed.
func (x *Exchange) End(now time.Time) {
	c, e := x.conn, x.Endpoint
	if c == nil {
		return
	}
	complete := x.content.done && !x.failed && !x.awaits()
	if x.uploaded != nil {
		// What is still to be read from the client nobody waits for: the response is there. What was
		// read is about to be sent, or has just been.
		if complete = complete && x.ContentRead(); complete {
			c.SetWriteDeadline(time.Now().Add(lastPiece)) // a dead socket shows at the write
		}
		complete = x.stopUpload(!complete) == nil && complete
		c.writeBy = time.Time{} // not before the upload has ended: it is the upload's until then
	}
	if x.content.done {
		e.Answered(c.response.Status)
	}
	clean := complete && c.r == c.w && x.content.framing != wire.UntilClose && !c.response.Close
	shared := !e.opts.SendProxy && !c.response.ConnectionAuth
	c.giveBack()
	switch {
	case clean && x.Bound != nil:
		c.since, c.idle = now, true
		x.Bound.conn = c
	case clean && shared:
		c.rests = Rest(&c.response, string(x.Method) == "HEAD")
		e.give(c, now)
	default:
		c.Close() // it is not to be used again
	}
	x.unwatch()
	x.conn, x.Response, x.Stream, x.Cancel, x.Continue, x.Content, x.Client, x.Context, x.Bound = nil, nil, nil, nil, nil, nil, nil, nil, nil
	x.RequestTrailers, x.content.chunked = nil, wire.Chunked{}
	if x.stream {
		x.stream = false
		e.EndStream()
	} else {
		e.Leave()
	}
	x.release() // only now: until the place is free, one that is to make room counts
}

// Holds notes that the response is relayed to a client that may be slow to take it. end ends that; see Holder. Before each
// piece Waits is called on the Holder, and Moved after it. End, which releases it, follows.
func (x *Exchange) Holds(end func()) *Holder {
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

// note notes the time, if it is to be measured.
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

// ContentRead reports whether nothing of the request's content is left to be read from Stream.
// After that the reader of Stream may be used by the caller again.
func (x *Exchange) ContentRead() bool {
	if x.progress == nil {
		return !x.awaits()
	}
	return x.progress.read.Load()
}

// Pending reports whether Next returns without waiting.
func (x *Exchange) Pending() bool { return x.content.pending(x.conn) }
