package loop

import (
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// head reads the head of a response at the front of b, and goes on with what follows it.
func (ups *upstreams) head(u *upconn, b []byte) {
	c, e := u.call, u.pool.endpoint
	for {
		n, fault := ups.res.Parse(b, conn.ResponseLimits)
		if fault == nil && n > 0 && ups.res.Status < 200 {
			if u.interims++; ups.res.Status == 101 || u.interims > conn.MaxInterim {
				fault = wire.FaultStatusLine
			}
			b = b[n:]
		}
		if fault != nil {
			ups.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassMalformed, Err: fault})
			return
		}
		interim := n > 0 && ups.res.Status < 200
		if interim && ups.res.Status > 101 && !c.to.interim(c.x.Interim(ups.out[:0], &ups.res)) {
			return
		}
		if interim {
			ups.armUpstream(u, e.Options().FirstByteTimeout) // the endpoint says that it is at work
		}
		if n == 0 || interim && len(b) == 0 {
			ups.saveHead(u, b)
			return
		}
		if interim {
			continue
		}
		if u.reused && upstream.Unprocessed(ups.res.Status, ups.res.Close) {
			ups.renew(u)
			return
		}
		e.Spoke()
		u.flow, u.wait = ups.res.Flow, c.x.Attempts().Began(&ups.res)
		if u.flow == wire.Events {
			if u.stream = e.BeginStream(); !u.stream {
				ups.giveUp(u, upstream.ErrStreams)
				return
			}
		}
		u.status = int16(ups.res.Status)
		head := string(c.x.Head().Method) == "HEAD"
		u.framing, u.rests = ups.res.Framing(head), conn.Rest(&ups.res, head)
		u.left, u.chunked = ups.res.Length, wire.Chunked{}
		u.keep = !ups.res.Close && !ups.res.ConnectionAuth && u.framing != wire.UntilClose && len(u.unsent) == 0
		out, last, as, ok := c.x.Finish(ups.out[:0], &ups.res, c.to.ending())
		if !ok {
			ups.replace(u, out)
			return
		}
		if u.as = c.to.framing(as); last {
			c.to.end()
		}
		ups.armUpstream(u, u.wait)
		ups.relay(u, b[n:], out)
		return
	}
}

// replace ends an exchange by another response than the upstream's, whose content is not wanted.
func (ups *upstreams) replace(u *upconn, out []byte) {
	c, x := u.call, u.call.x
	ups.part(u)
	ups.discard(u)
	c.x = nil
	x.Done(u.pool.endpoint, ups.now)
	ups.giveBack(x)
	c.to.answer(out, true)
	c.to.settle()
}

// saveHead keeps part of a head.
func (ups *upstreams) saveHead(u *upconn, b []byte) {
	if u.saved == nil {
		u.saved = ups.buffer()
	}
	u.saved = append(u.saved[:0], b...)
}

// relay sends on the content at the front of b, behind what is in out.
func (ups *upstreams) relay(u *upconn, b, out []byte) {
	c := u.call
	head := 0
	if !u.begun {
		head = len(out)
	}
	done := u.framing == wire.NoContent
	for len(b) > 0 && !done {
		data, n, fault := u.decode(b)
		if fault != nil {
			ups.cut(u, fault, out)
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
	ups.out, u.begun = out[:0], true
	if u.saved != nil {
		ups.release(u.saved)
		u.saved = nil
	}
	if !c.to.deliver(out, head, done, trailers) {
		return
	}
	switch {
	case done:
		u.keep = u.keep && len(b) == 0
		ups.complete(u)
	case c.to.full():
		ups.holdBack(c, u)
	case c.to.behind():
		ups.armUpstream(u, u.wait)
	default:
		c.to.waits()
		ups.armUpstream(u, u.wait)
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
func (ups *upstreams) feed(c *call) {
	u := c.feeding
	c.feeding = nil
	u.holder.Moved(0, false)
	c.to.waits()
	ups.watch(&u.socket, u.interest|readable)
	ups.armUpstream(u, u.wait)
}
