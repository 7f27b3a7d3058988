package edge

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// Faults that need a connection to happen.
var (
	FaultTimeout     = &wire.Fault{Status: 408, Class: "timeout", Reason: "the request did not come in time"}
	FaultMemory      = &wire.Fault{Status: 503, Class: "memory", Reason: "the service is short of memory, and the request is not all with its upstream yet"}
	FaultContentSize = &wire.Fault{Status: 413, Class: "content-size", Reason: "the content is larger than allowed here"}
)

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// LimitContent bounds the content of the current request, in bytes. Content-Length beyond it is
// for the caller to refuse; content without a length then fails with FaultContentSize.
func (c *Conn) LimitContent(bytes int64) { c.limit = bytes }

// ContentRead reports whether all content of the current request has been read.
func (c *Conn) ContentRead() bool { return c.ended }

// Trailers returns the lines of the trailer section of the current request, when all of its
// content has been read. They are valid until the end of the handler, and may be none. See
// [wire.Chunked.Trailers].
func (c *Conn) Trailers() []byte { return c.chunked.Trailers() }

// Buffered returns the whole content, decoded, if all of it has come in with the head, and
// whether that is so. The slice is valid until the end of the handler. It is used up.
// The error is a *wire.Fault that can be seen already: such a request need not be forwarded.
func (c *Conn) Buffered() (content []byte, whole bool, err error) {
	size, used := int(min(c.remaining, int64(c.w-c.r))), int(c.remaining)
	whole = int64(size) == c.remaining
	if c.Request.Chunked {
		var d wire.Chunked
		var fault *wire.Fault
		if size, used, d, fault = wire.Unchunk(nil, c.in[c.r:c.w]); fault != nil {
			return nil, false, c.fail(fault)
		}
		if int64(size) > c.limit || d.Left() > uint64(c.limit) {
			return nil, false, c.fail(FaultContentSize)
		}
		if whole = d.Done(); whole {
			c.chunked = d
		}
	}
	if !whole {
		return nil, false, nil
	}
	content = c.in[c.r : c.r+size]
	if c.Request.Chunked {
		wire.Unchunk(content, c.in[c.r:c.w])
	}
	c.r += used
	c.remaining, c.ended, c.waiting = 0, true, false
	return content, true, nil
}

// ReadContent reads decoded content of the current request into p. It returns io.EOF at its end,
// and a *wire.Fault for content that is malformed, too large or too slow.
func (c *Conn) ReadContent(p []byte) (int, error) {
	for !c.ended {
		n, err := c.readContent(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// Awaits reports whether the client waits for 100 (Continue) before it sends the content.
func (c *Conn) Awaits() bool { return c.waiting }

// Continue sends 100 (Continue) if the client waits for it. ReadContent does so itself, but then
// it must not run concurrently with a Send of the response.
func (c *Conn) Continue() error {
	if !c.waiting {
		return nil
	}
	c.waiting = false
	return c.Send(continueLine)
}

func (c *Conn) readContent(p []byte) (int, error) {
	if err := c.Continue(); err != nil {
		return 0, err
	}
	if c.Request.Chunked {
		return c.readChunked(p)
	}
	if int64(len(p)) > c.remaining {
		p = p[:c.remaining]
	}
	n := copy(p, c.in[c.r:c.w])
	c.r += n
	if n == 0 {
		var err error
		if n, err = c.readSocket(p); err != nil {
			return 0, err
		}
	}
	c.remaining -= int64(n)
	c.ended = c.remaining == 0
	return n, nil
}

func (c *Conn) readChunked(p []byte) (int, error) {
	if c.r == c.w {
		if len(c.in)-c.head < chunkSpace {
			// The head has to stay where it is, for the handler; it keeps the old buffer.
			c.in = make([]byte, 2*chunkSpace)
			c.head = 0
		}
		c.r, c.w = c.head, c.head
		n, err := c.readSocket(c.in[c.w:])
		if err != nil {
			return 0, err
		}
		c.w += n
	}
	data, used, fault := c.chunked.Next(c.in[c.r:min(c.w, c.r+len(p))])
	c.r += used
	if fault != nil {
		return 0, c.fail(fault)
	}
	c.ended = c.chunked.Done()
	if c.limit -= int64(len(data)); c.limit < 0 || c.chunked.Left() > uint64(c.limit) {
		return 0, c.fail(FaultContentSize)
	}
	return copy(p, data), nil
}

// minRate is what a client must send of content, in bytes per second of the time that was spent waiting for it,
// after the first body_idle: a client that sends a byte now and then could hold an upstream for any time.
// The event loop, which takes no more than 16 KiB, has them come within body_idle.
const minRate = 500

// readSocket reads once, within the body_idle timeout, and what is left at the lowest rate.
func (c *Conn) readSocket(p []byte) (int, error) {
	idle := c.opts.BodyIdle
	c.armRead(min(idle, idle+time.Duration(c.came)*(time.Second/minRate)-c.waited))
	if c.relieved.Load() {
		return 0, c.fail(FaultMemory)
	}
	if c.interrupted.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	began := time.Now()
	n, err := c.receive(p)
	c.waited += time.Since(began)
	c.came += int64(n)
	if n > 0 {
		return n, nil
	}
	switch {
	case c.relieved.Load():
		return 0, c.fail(FaultMemory)
	case c.interrupted.Load():
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, c.fail(FaultTimeout)
	case errors.Is(err, io.EOF):
		return 0, c.fail(wire.FaultTruncated)
	}
	c.broken = true
	return 0, err
}

// fail ends the connection: after a fault in its content the start of the next request is unknown.
func (c *Conn) fail(f *wire.Fault) *wire.Fault {
	c.broken = true
	return f
}

// drain reads what a handler has left of the content. It reports false if that is too much.
func (c *Conn) drain() bool {
	if c.ended {
		return true
	}
	var sink [4 << 10]byte
	for {
		if _, err := c.ReadContent(sink[:]); err != nil {
			return err == io.EOF
		}
	}
}
