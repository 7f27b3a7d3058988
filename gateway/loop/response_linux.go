package loop

import (
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// head reads the head of a response at the front of b, and goes on with what follows it.
func (l *Loop) head(u *upconn, b []byte) {
	c, e := u.call, u.pool.endpoint
	for {
		n, fault := l.res.Parse(b, conn.ResponseLimits)
		if fault == nil && n > 0 && l.res.Status < 200 {
			if u.interims++; l.res.Status == 101 || u.interims > conn.MaxInterim {
				fault = wire.FaultStatusLine
			}
			b = b[n:]
		}
		if fault != nil {
			l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassMalformed, Err: fault})
			return
		}
		interim := n > 0 && l.res.Status < 200
		if interim && l.res.Status > 101 && !c.to.interim(l, c.x.Interim(l.out[:0], &l.res)) {
			return
		}
		if interim {
			l.armUpstream(u, e.Options().FirstByteTimeout) // the endpoint says that it is at work
		}
		if n == 0 || interim && len(b) == 0 {
			l.saveHead(u, b)
			return
		}
		if interim {
			continue
		}
		if u.reused && upstream.Unprocessed(l.res.Status, l.res.Close) {
			l.renew(u)
			return
		}
		e.Spoke()
		u.flow, u.wait = l.res.Flow, c.x.Attempts().Began(&l.res)
		if u.flow == wire.Events {
			if u.stream = e.BeginStream(); !u.stream {
				l.giveUp(u, upstream.ErrStreams)
				return
			}
		}
		u.status = int16(l.res.Status)
		head := string(c.x.Head().Method) == "HEAD"
		u.framing, u.rests = l.res.Framing(head), conn.Rest(&l.res, head)
		u.left, u.chunked = l.res.Length, wire.Chunked{}
		u.keep = !l.res.Close && !l.res.ConnectionAuth && u.framing != wire.UntilClose && len(u.unsent) == 0
		out, last, as, ok := c.x.Finish(l.out[:0], &l.res, c.to.ending(l))
		if !ok {
			l.replace(u, out)
			return
		}
		if u.as = c.to.framing(as); last {
			c.to.end()
		}
		l.armUpstream(u, u.wait)
		l.relay(u, b[n:], out)
		return
	}
}

// replace ends an exchange by another response than the upstream's, whose content is not wanted.
func (l *Loop) replace(u *upconn, out []byte) {
	c, x := u.call, u.call.x
	l.part(u)
	l.discard(u)
	c.x = nil
	x.Done(u.pool.endpoint, l.now)
	l.giveBack(x)
	c.to.answer(l, out, true)
	c.to.settle(l)
}

// saveHead keeps part of a head.
func (l *Loop) saveHead(u *upconn, b []byte) {
	if u.saved == nil {
		u.saved = l.buffer()
	}
	u.saved = append(u.saved[:0], b...)
}

// relay sends on the content at the front of b, behind what is in out.
func (l *Loop) relay(u *upconn, b, out []byte) {
	c := u.call
	head := 0
	if !u.begun {
		head = len(out)
	}
	done := u.framing == wire.NoContent
	for len(b) > 0 && !done {
		data, n, fault := u.decode(b)
		if fault != nil {
			l.cut(u, fault, out)
			return
		}
		b = b[n:]
		if len(data) > 0 && u.as == wire.ByChunks {
			out = wire.AppendChunkSize(out, len(data))
			out = append(append(out, data...), '\r', '\n')
		} else {
			out = append(out, data...)
		}
		done = u.framing == wire.ByLength && u.left == 0 || u.framing == wire.ByChunks && u.chunked.Done()
	}
	var trailers []byte
	if done && u.framing == wire.ByChunks && len(u.chunked.Trailers()) > 0 {
		trailers = c.x.Trailers(nil, u.chunked.Trailers())
	}
	if done && u.as == wire.ByChunks && u.framing != wire.NoContent {
		out = wire.AppendLastChunk(out, trailers)
	}
	l.out, u.begun = out[:0], true
	if u.saved != nil {
		l.release(u.saved)
		u.saved = nil
	}
	if !c.to.deliver(l, out, head, done, trailers) {
		return
	}
	switch {
	case done:
		u.keep = u.keep && len(b) == 0
		l.complete(u)
	case c.to.full(l):
		l.holdBack(c, u)
	case c.to.behind():
		l.armUpstream(u, u.wait)
	default:
		c.to.waits(l)
		l.armUpstream(u, u.wait)
	}
}

// decode takes a run of content from the front of b.
func (u *upconn) decode(b []byte) (data []byte, n int, fault *wire.Fault) {
	switch u.framing {
	case wire.ByChunks:
		return u.chunked.Next(b)
	case wire.ByLength:
		n = int(min(u.left, int64(len(b))))
		u.left -= int64(n)
		return b[:n], n, nil
	}
	return b, len(b), nil
}

// feed goes on with a response that has waited for its client.
func (l *Loop) feed(c *call) {
	u := c.feeding
	c.feeding = nil
	u.holder.Moved(0, false)
	c.to.waits(l)
	l.watch(&u.socket, u.interest|readable)
	l.armUpstream(u, u.wait)
}
