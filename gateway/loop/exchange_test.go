//go:build linux

package loop_test

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A plain exchange is the simplest gateway there can be: a path that begins with "/local" is
// answered, "/elsewhere" is not for the loop, everything else is forwarded without any field of its
// own. "/panic…" panics.
type plain struct {
	*trial
	req      wire.Request
	now      time.Time
	head     bool
	minor    uint8
	path     string
	request  []byte
	attempts upstream.Attempts
}

func (x *plain) Head() *wire.Request { return &x.req }

func (x *plain) Begin(dst []byte, c loop.Client) (out []byte, ends bool, next loop.Next) {
	x.now, x.minor, x.path = c.Now, x.req.Minor, string(x.req.Path)
	x.head = string(x.req.Method) == "HEAD"
	if x.began != nil {
		x.began(x.path)
	}
	a := &x.attempts
	a.To, a.Deadline, a.Idempotent = x.upstream.Load(), time.Time{}, upstream.IsIdempotent(x.req.Method)
	if x.timeout > 0 {
		a.Deadline = x.now.Add(x.timeout)
	}
	a.Begin()
	switch {
	case x.path == "/panic":
		panic("asked for")
	case strings.HasPrefix(x.path, "/local"):
		return x.answer(dst, 200, x.path, c.Ends), c.Ends, loop.Answered
	case strings.HasPrefix(x.path, "/elsewhere"):
		return dst, c.Ends, loop.Elsewhere
	}
	return dst, c.Ends, loop.Forwarded
}

func (x *plain) Attempts() *upstream.Attempts { return &x.attempts }

func (x *plain) Prepare(content, _ []byte) *wire.Fault {
	if x.path == "/unwanted" {
		return edge.FaultContentSize
	}
	x.request = fmt.Appendf(x.request[:0], "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", x.req.Method, x.path, len(content), content)
	x.req.Method = bytes.Clone(x.req.Method)
	return nil
}

func (x *plain) Request() []byte { return x.request }

func (x *plain) Sent(time.Time) {}

func (x *plain) Reject(dst []byte, c loop.Client, f *wire.Fault) []byte {
	x.faults.Add(1)
	x.now, x.minor, x.path, x.head = c.Now, 1, string(x.req.Path), false
	return x.answer(dst, f.Status, f.Reason+"\n", true)
}

func (x *plain) Refuse(dst []byte, f *wire.Fault) []byte {
	return x.answer(dst, f.Status, "refused: "+f.Class, true)
}

func (x *plain) Interim(dst []byte, _ *wire.Response) []byte { return dst }

func (x *plain) Trailers(dst, _ []byte) []byte { return dst }

func (x *plain) Finish(dst []byte, res *wire.Response, ends bool) (out []byte, last bool, as wire.Framing, ok bool) {
	if x.path == "/panic-finish" {
		return x.answer(dst, 500, "panic", true), true, wire.NoContent, false
	}
	if x.path == "/panic-loop" {
		panic("asked for")
	}
	as = res.Framing(x.head)
	dst = edge.AppendStatusLine(dst, res.Status)
	switch {
	case as == wire.ByLength || res.Length >= 0:
		dst = fmt.Appendf(dst, "Content-Length: %d\r\n", res.Length)
	case as == wire.NoContent:
	case x.minor == 1:
		as = wire.ByChunks
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	default:
		as, ends = wire.UntilClose, true
	}
	return x.end(dst, ends), ends, as, true
}

func (x *plain) Fail(dst []byte, _ *upstream.Endpoint, err *upstream.Error, ends bool) (out []byte, last bool) {
	return x.answer(dst, err.Status, err.Class, ends), ends
}

func (x *plain) Cut(*upstream.Endpoint, error) { x.cuts.Add(1) }

func (x *plain) Done(*upstream.Endpoint, time.Time) { x.dones.Add(1) }

func (x *plain) Gone(time.Time) { x.gones.Add(1) }

func (x *plain) answer(dst []byte, status int, content string, ends bool) []byte {
	dst = edge.AppendStatusLine(dst, status)
	dst = append(dst, "Content-Length: "...)
	dst = append(strconv.AppendInt(dst, int64(len(content)), 10), '\r', '\n')
	dst = x.end(dst, ends)
	if x.head {
		return dst
	}
	return append(dst, content...)
}

func (x *plain) end(dst []byte, ends bool) []byte {
	if ends {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, '\r', '\n')
}

// handle is what serves on edge's goroutines: the content comes back.
func (*trial) handle(c *edge.Conn) {
	content, whole, err := c.Buffered()
	if err == nil && !whole {
		content, err = io.ReadAll(contentOf{c})
	}
	if err != nil {
		c.CloseAfter()
		return
	}
	c.Send(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(content), content))
}

type contentOf struct{ c *edge.Conn }

func (r contentOf) Read(p []byte) (int, error) { return r.c.ReadContent(p) }
