package transport

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// continueTimeout is how long an upstream is waited for that was told to expect content. Those that
// do not know 100 (Continue) wait for the content all that time. Clients wait about as long.
const continueTimeout = time.Second

// awaits reports whether the content is held back until the upstream asks for it.
func (x *Exchange) awaits() bool { return x.Continue != nil && x.progress == nil }

// proceed lets the client and the upload continue, if they have not yet.
func (x *Exchange) proceed(c *conn.Conn) error {
	if !x.awaits() {
		return nil
	}
	if err := x.Continue(); err != nil {
		return fmt.Errorf("%w: %w", ErrContent, err)
	}
	x.startUpload(c)
	c.ArmRead(time.Now(), x.Endpoint.Options().FirstByteTimeout, x.deadline)
	return nil
}

// startUpload sends the content of the request while the caller waits for the response. The
// goroutine is ended by stopUpload, which every exchange with a Stream reaches.
func (x *Exchange) startUpload(c *conn.Conn) {
	done := make(chan error, 1)
	p := &progress{conn: c, wait: x.Endpoint.Options().FirstByteTimeout, deadline: x.deadline, allowed: x.allowed, watched: x.Waiter != nil}
	x.uploaded, x.progress = done, p
	stream, chunked, trailers, timeout := x.Stream, x.Chunked, x.RequestTrailers, x.timeout
	x.holder, x.sends.End = &x.sends, x.Cancel // not x.slow: the upload may continue while the response comes
	x.Endpoint.Hold(x.holder)
	p.holder = x.holder
	go func() {
		err := upload(c, stream, chunked, trailers, timeout, p)
		if err == nil {
			p.end(time.Now())
		}
		done <- err // first: a wait that the close ends looks for the reason
		if errors.Is(err, ErrContent) {
			// The rest of the request will not come: the upstream must notice, and so must the
			// wait for its response.
			c.Close() // it is broken either way
		}
	}()
}

// begin notes that the response has begun, which changes the event to wait for.
func (x *Exchange) begin(c *conn.Conn) {
	if p := x.progress; p != nil {
		p.mu.Lock()
		p.wait, p.deadline, p.allowed = x.timeout, x.deadline, 0
		p.mu.Unlock()
		c.ReadBy = time.Time{} // it is not known what the upload has set
	}
}

// progress is what an upload and the reader of the response know of each other.
type progress struct {
	holder  *upstream.Holder
	conn    *conn.Conn
	watched bool        // the client, after the upload
	read    atomic.Bool // the Stream, to its end

	mu       sync.Mutex
	deadline time.Time     // of the exchange
	allowed  time.Duration // see Attempts.Allowed
	wait     time.Duration // for the upstream
	until    time.Time     // when that wait ends, as the last piece has left it
	ended    bool          // all was sent; until does not change any more
}

// extend restarts the wait for the response, now that a piece was sent: it is the upstream's
// time that is bounded, not the client's.
func (p *progress) extend(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	by := now.Add(p.wait)
	if p.allowed > 0 {
		p.deadline = now.Add(p.allowed)
	}
	if !p.deadline.IsZero() && p.deadline.Before(by) {
		by = p.deadline
	}
	p.until = by
	p.conn.SetReadDeadline(by) // a dead socket shows at the read
}

// end notes that everything was sent. From here on the client is not read from, so it must be watched: the
// wait for the response is interrupted, as by a glance.
func (p *progress) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if by := now.Add(conn.Glance); p.watched && by.Before(p.until) {
		p.conn.SetReadDeadline(by) // a dead socket shows at the read
	}
}

// hold reports whether the upload has ended, and keeps it from ending, and from moving the deadline,
// until release is called. p may be nil: it has not begun.
func (p *progress) hold() (ended bool, release func()) {
	if p == nil {
		return false, func() {}
	}
	p.mu.Lock()
	return p.ended, p.mu.Unlock
}

// pollUpload returns the upload's outcome and whether there is one yet.
func (x *Exchange) pollUpload() (err error, done bool) { // the error is the outcome, not a failure
	if x.uploaded == nil {
		return x.upload, true
	}
	select {
	case x.upload = <-x.uploaded:
		x.uploaded = nil
		return x.upload, true
	default:
		return nil, false
	}
}

// stopUpload waits for the upload's end and returns its outcome; with cancel it brings the end about.
func (x *Exchange) stopUpload(cancel bool) error {
	if x.uploaded == nil {
		return x.upload
	}
	if cancel {
		if err, done := x.pollUpload(); done {
			return err
		}
		x.Cancel()
		x.conn.Close() // it ends a write that is under way
	}
	x.upload = <-x.uploaded
	x.uploaded = nil
	return x.upload
}

func upload(c *conn.Conn, stream io.Reader, chunked bool, trailers func() ([]byte, error), timeout time.Duration, p *progress) error {
	buf := conn.GetBuffer()
	defer conn.PutBuffer(buf)
	const front = 16 // room for the line that opens a chunk
	for {
		p.holder.Waits()
		n, err := stream.Read(buf[front : len(buf)-2])
		p.holder.Moved(n, false)
		if err == io.EOF {
			p.read.Store(true)
		}
		if n > 0 {
			b := buf[front : front+n]
			if chunked {
				b = frame(buf[:], front, n)
			}
			if _, err := c.Send(b, time.Now(), timeout); err != nil {
				return fmt.Errorf("sending content: %w", err)
			}
			p.extend(time.Now())
		}
		switch {
		case err == io.EOF:
			if chunked {
				return uploadLast(c, trailers, timeout)
			}
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrContent, err)
		}
	}
}

// uploadLast ends content in chunks.
func uploadLast(c *conn.Conn, trailers func() ([]byte, error), timeout time.Duration) error {
	last := []byte(wire.LastChunk)
	if trailers != nil {
		lines, err := trailers()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrContent, err)
		}
		if len(lines) > 0 {
			last = wire.AppendLastChunk(nil, lines)
		}
	}
	_, err := c.Send(last, time.Now(), timeout)
	return err
}

// frame makes a chunk of buf[front:front+n] in place and returns it.
func frame(buf []byte, front, n int) []byte {
	var line [16]byte
	size := wire.AppendChunkSize(line[:0], n)
	start := front - len(size)
	copy(buf[start:], size)
	copy(buf[front+n:], "\r\n")
	return buf[start : front+n+2]
}
