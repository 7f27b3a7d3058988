package proxy

import (
	"errors"
	"io"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file sends the client a response of an upstream, or says why there is none.

// refuseFailed answers a request whose exchange with the upstream failed before its response began.
func (b *blocking) refuseFailed(err error) {
	var failed *upstream.Error
	if !errors.As(err, &failed) {
		b.failContent(err)
		return
	}
	b.closing = b.c.WillClose()
	b.fail(b.upstream.Endpoint, failed)
	b.send()
}

// relay sends the head in b.out and the content of the response, as it comes. It reports false
// if the client did not get all of it: the connection then ends, and so that the client notices.
func (b *blocking) relay(framing wire.Framing) bool {
	if content, whole := b.upstream.Whole(); whole {
		b.out = append(b.out, content...)
		b.send()
		b.record.busy += b.upstream.Own()
		return true
	}
	b.record.busy += b.upstream.Own()
	if b.closing {
		b.c.CloseAfter()
	}
	if b.breaks == nil {
		b.breaks = b.c.Break
	}
	b.holder = b.upstream.Holds(b.breaks)
	for {
		if len(b.out) >= maxKept/2 || len(b.out) > 0 && !b.upstream.Pending() {
			// The upstream makes us wait: what is here goes out first.
			b.begun = true
			b.holder.Waits()
			if b.c.Send(b.out) != nil {
				return false
			}
			b.holder.Moved(len(b.out), false)
			b.out = b.out[:0]
		}
		data, err := b.upstream.Next()
		switch {
		case err == io.EOF:
			if framing == wire.ByChunks {
				b.out = wire.AppendLastChunk(b.out, b.appendTrailers(nil, b.upstream.Trailers()))
			}
			return len(b.out) == 0 || b.c.Send(b.out) == nil
		case err != nil:
			return b.cut(framing, err)
		case framing == wire.ByChunks:
			b.out = wire.AppendChunkSize(b.out, len(data))
			b.out = append(append(b.out, data...), '\r', '\n')
		default:
			b.out = append(b.out, data...)
		}
	}
}

// cut ends a response whose content broke off. Before the head was sent it becomes a 502; after
// that the only honest answer is to close the connection before the end of the content, by a reset
// where a plain close would look like the end of the content.
func (b *blocking) cut(framing wire.Framing, err error) bool {
	if errors.Is(err, transport.ErrGone) {
		b.closing = true
		if framing == wire.UntilClose {
			b.c.Abort() // in case that it listens, as below
		}
		return false
	}
	b.cutOff(b.upstream.Endpoint, err)
	if !b.begun {
		b.closing = true
		b.answer(ownFailures[upstream.ClassMalformed], "")
		b.send()
		return false
	}
	if len(b.out) > 0 {
		b.c.Send(b.out) // the connection ends either way
	}
	if framing == wire.UntilClose {
		b.c.Abort()
	}
	return false
}
