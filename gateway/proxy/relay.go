package proxy

import (
	"errors"
	"io"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file sends the client a response of an upstream, or says why there is none.

// refuseFailed answers a request whose exchange with the upstream failed before its response began.
func (x *exchange) refuseFailed(c *edge.Conn, err error) {
	var failed *upstream.Error
	if !errors.As(err, &failed) {
		x.refuseContent(c, err)
		return
	}
	x.closing = c.WillClose()
	x.fail(x.up.Endpoint, failed)
	x.send(c)
}

// fail makes the response to a request whose exchange failed before a response began.
func (x *exchange) fail(e *upstream.Endpoint, failed *upstream.Error) {
	endpoint := ""
	if e != nil {
		endpoint = e.Address.Label
	}
	attrs := []any{"endpoint", endpoint, "class", failed.Class, "error", failed.Err}
	if key := x.limitKey(failed); key != "" {
		attrs = append(attrs, "limit", key)
	}
	extra := ""
	if failed.WorthWaiting() {
		extra = "Retry-After: 1\r\n"
	}
	if !x.ended(failed.Err, "") {
		x.warn("upstream failed", &x.route.Upstream.Failed, attrs...)
		x.failure = failed.Class
		x.route.Upstream.Metrics.Failures[failed.Class].Inc()
	}
	x.write(failed.Status, extra, ownFailures[failed.Class].text)
}

// relay sends the head in x.out and the content of the response, as it comes. It reports false
// if the client did not get all of it: the connection then ends, and so that the client notices.
func (x *exchange) relay(c *edge.Conn, framing wire.Framing) bool {
	if content, whole := x.up.Whole(); whole {
		x.out = append(x.out, content...)
		x.send(c)
		x.busy += x.up.Own()
		return true
	}
	x.busy += x.up.Own()
	if x.closing {
		c.CloseAfter()
	}
	if x.breaks == nil {
		x.breaks = c.Break
	}
	x.holder = x.up.Holds(x.breaks)
	for {
		if len(x.out) >= maxKept/2 || len(x.out) > 0 && !x.up.Pending() {
			// The upstream makes us wait: what is here goes out first.
			x.begun = true
			x.holder.Waits()
			if c.Send(x.out) != nil {
				return false
			}
			x.holder.Moved(len(x.out), false)
			x.out = x.out[:0]
		}
		data, err := x.up.Next()
		switch {
		case err == io.EOF:
			if framing == wire.ByChunks {
				x.out = wire.AppendLastChunk(x.out, x.Trailers(nil, x.up.Trailers()))
			}
			return len(x.out) == 0 || c.Send(x.out) == nil
		case err != nil:
			return x.cut(c, framing, err)
		case framing == wire.ByChunks:
			x.out = wire.AppendChunkSize(x.out, len(data))
			x.out = append(append(x.out, data...), '\r', '\n')
		default:
			x.out = append(x.out, data...)
		}
	}
}

// cut ends a response whose content broke off. Before the head was sent it becomes a 502; after
// that the only honest answer is to close the connection before the end of the content, by a reset
// where a plain close would look like the end of the content.
func (x *exchange) cut(c *edge.Conn, framing wire.Framing, err error) bool {
	if errors.Is(err, transport.ErrGone) {
		x.closing = true
		if framing == wire.UntilClose {
			c.Abort() // in case that it listens, as below
		}
		return false
	}
	x.Cut(x.up.Endpoint, err)
	if !x.begun {
		x.closing = true
		x.answer(ownFailures[upstream.ClassMalformed], "")
		x.send(c)
		return false
	}
	if len(x.out) > 0 {
		c.Send(x.out) // the connection ends either way
	}
	if framing == wire.UntilClose {
		c.Abort()
	}
	return false
}
