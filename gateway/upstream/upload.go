package upstream

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// startUpload sends the content of the request while the caller waits for the response. The
// goroutine is ended by stopUpload, which every exchange with a Stream reaches.
func (x *Exchange) startUpload(c *conn) {
	done := make(chan error, 1)
	streamed := new(atomic.Bool)
	x.uploaded, x.streamed = done, streamed
	stream, chunked, timeout := x.Stream, x.Chunked, x.timeout
	first, deadline := x.Endpoint.opts.FirstByteTimeout, x.Deadline
	// The wait for the response begins anew with each piece that was sent: it is the upstream's
	// time that is bounded, not the client's.
	extend := func() {
		by := time.Now().Add(first)
		if !deadline.IsZero() && deadline.Before(by) {
			by = deadline
		}
		c.SetReadDeadline(by) //nolint:errcheck // a dead socket shows at the read
	}
	go func() {
		err := upload(c, stream, chunked, timeout, streamed, extend)
		if errors.Is(err, ErrContent) {
			// The rest of the request will not come: the upstream must notice, and whoever waits for
			// its response too.
			c.Close() //nolint:errcheck // it is broken either way
		}
		done <- err
	}()
}

// pollUpload returns the upload's outcome and whether there is one yet.
func (x *Exchange) pollUpload() (err error, done bool) { //nolint:revive // the error is the outcome, not a failure
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
		x.conn.Close() //nolint:errcheck // it ends a write that is under way
	}
	x.upload = <-x.uploaded
	x.uploaded = nil
	return x.upload
}

func upload(c *conn, stream io.Reader, chunked bool, timeout time.Duration, streamed *atomic.Bool, extend func()) error {
	buf := streamBuffers.Get().(*[streamBuffer]byte)
	defer streamBuffers.Put(buf)
	const front = 16 // room for the line that opens a chunk
	for {
		n, err := stream.Read(buf[front : streamBuffer-2])
		if err == io.EOF {
			streamed.Store(true)
		}
		if n > 0 {
			b := buf[front : front+n]
			if chunked {
				b = frame(buf[:], front, n)
			}
			if _, err := c.send(b, timeout); err != nil {
				return fmt.Errorf("sending content: %w", err)
			}
			extend()
		}
		switch {
		case err == io.EOF:
			if chunked {
				_, err = c.send([]byte(wire.LastChunk), timeout)
				return err
			}
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrContent, err)
		}
	}
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
