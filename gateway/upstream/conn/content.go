package conn

import (
	"errors"
	"io"

	"github.com/corsgate/corsgate/gateway/wire"
)

// ErrCut says that a response ended before its content did.
var ErrCut = errors.New("the response was cut off")

// A Content reads the content of a response, decoded.
type Content struct {
	framing wire.Framing
	left    int64 // ByLength
	chunked wire.Chunked
	done    bool   // all of it was decoded
	run     []byte // decoded, to be returned by Next
	err     error  // a fault in what follows run
}

// NewContent returns the content of the response whose head is r, to HEAD if head is set.
func NewContent(r *wire.Response, head bool) Content {
	c := Content{framing: r.Framing(head), left: r.Length}
	c.done = c.framing == wire.NoContent
	return c
}

// Done reports whether all of it was decoded. Next may still have some to return.
func (t *Content) Done() bool { return t.done }

// Clean reports whether c can be used again after the content's end: nothing else has come, and neither side closes it.
func (t *Content) Clean(c *Conn) bool {
	return c.r == c.w && t.framing != wire.UntilClose && !c.Response.Close
}

// Trailers returns the lines of the trailer section at the content's end. See [wire.Chunked.Trailers].
func (t *Content) Trailers() []byte { return t.chunked.Trailers() }

// Forget lets go of what the content refers to.
func (t *Content) Forget() { t.chunked = wire.Chunked{} }

// Whole returns all content if it has come in with the head, and whether that is so. The slice is valid until c is used again.
func (t *Content) Whole(c *Conn) ([]byte, bool) {
	if t.done {
		return nil, true
	}
	if t.framing != wire.ByLength || t.left > int64(c.Unread()) {
		return nil, false
	}
	content, err := t.decode(c)
	return content, err == nil
}

// Next returns the next run of content, valid until the next call, reading from c if its
// buffer is empty. It returns io.EOF at the end.
func (t *Content) Next(c *Conn) ([]byte, error) {
	for !t.Pending(c) {
		if err := t.fill(c); err != nil {
			return nil, err
		}
	}
	switch run := t.run; {
	case len(run) > 0:
		t.run = nil
		return run, nil
	case t.err != nil:
		return nil, t.err
	}
	return nil, io.EOF
}

// Pending reports whether Next need not read. What frames the content is used up here: between
// two chunks there may be bytes in the buffer, and yet nothing to return.
func (t *Content) Pending(c *Conn) bool {
	for len(t.run) == 0 && t.err == nil && !t.done && c.r < c.w {
		t.run, t.err = t.decode(c)
	}
	return len(t.run) > 0 || t.err != nil || t.done
}

// fill reads once into conn's empty buffer.
func (t *Content) fill(c *Conn) error {
	c.borrow()
	n, err := c.receive(c.in)
	c.r, c.w = 0, n
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		if t.framing == wire.UntilClose {
			t.done = true
			return nil
		}
		return ErrCut
	}
	return err
}

// decode takes a run of content from conn's buffer.
func (t *Content) decode(c *Conn) ([]byte, error) {
	src := c.in[c.r:c.w]
	switch t.framing {
	case wire.ByChunks:
		data, n, fault := t.chunked.Next(src)
		c.r += n
		if fault != nil {
			return nil, fault
		}
		t.done = t.chunked.Done()
		return data, nil
	case wire.ByLength:
		if int64(len(src)) > t.left {
			src = src[:t.left]
		}
		t.left -= int64(len(src))
		t.done = t.left == 0
	}
	c.r += len(src)
	return src, nil
}
