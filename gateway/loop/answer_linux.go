package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is what a stream is as a caller: how responses become frames.

// send sends content of a response; with end, the last of it. What there is no window for is kept.
func (t *stream) send(b []byte, end bool) bool {
	if t.over {
		return true
	}
	t.over = end
	if len(t.unsent) == 0 {
		s, now := t.l.room(t.c), len(b)
		if now > readBuffer || now > h2.Share && s.Open() > 1 {
			now = h2.Share // others have their turn
			s.grown = true
		}
		rest := t.appendData(b[:now], end && now == len(b))
		if b = b[now-len(rest):]; len(b) > 0 {
			t.l.arm(&t.timer, t.l.server.Options().BodyIdle)
		}
	}
	if len(b) > 0 {
		if t.unsent == nil {
			t.unsent = t.l.buffer()
		}
		t.unsent = append(t.unsent, b...)
		t.wait(true)
	}
	if len(t.c.h2.Out) > flushBytes && len(t.c.unsent) == 0 {
		c := t.c
		return t.l.flushFrames(c)
	}
	return true
}

// appendData sends content as far as there is a window for it, and returns the rest; with end, the last of it, and the trailers.
func (t *stream) appendData(b []byte, end bool) (rest []byte) {
	s := t.l.room(t.c)
	rest = s.AppendData(t.st, b, end && t.trailers == nil)
	if end && t.trailers != nil && len(rest) == 0 {
		s.AppendTrailers(t.st, t.trailers)
		t.trailers = nil
	}
	return rest
}

func (t *stream) blame() { t.l.guilty = t.c }

func (t *stream) waits() {
	if len(t.unsent) == 0 {
		t.l.wheel.clear(&t.timer)
	}
}

func (t *stream) waitsBy(deadline time.Time) {
	if deadline.IsZero() {
		t.l.wheel.clear(&t.timer)
	} else {
		t.l.arm(&t.timer, max(deadline.Sub(t.l.now), 0))
	}
}

func (t *stream) ending() bool { return false }

func (t *stream) end() {}

func (t *stream) framing(wire.Framing) wire.Framing { return wire.UntilClose }

func (t *stream) interim(out []byte) bool {
	if len(out) > 0 {
		t.l.room(t.c).AppendHead(t.st, out, false)
	}
	return true
}

func (t *stream) answer(out []byte, _ bool) bool {
	t.l.out = out[:0]
	head := t.l.room(t.c).AppendAnswer(t.st, out)
	t.over = head == len(out)
	return t.over || t.send(out[head:], true)
}

func (t *stream) deliver(out []byte, head int, end bool, trailers []byte) bool {
	if len(trailers) > 0 {
		t.trailers = trailers
	}
	if head > 0 {
		whole := end && head == len(out) && t.trailers == nil
		t.l.room(t.c).AppendHead(t.st, out[:head], whole)
		t.over = whole
	}
	return head == len(out) && !end || t.send(out[head:], end)
}

func (t *stream) behind() bool { return false }

// full: also while the connection has something to send. Nothing is read ahead for one of many streams.
func (t *stream) full() bool {
	if len(t.unsent) > 0 || len(t.c.unsent) > 0 {
		t.wait(true)
		return true
	}
	return false
}

func (t *stream) readable(most int) int {
	if t.c.h2.Open() > 1 {
		most = h2.Share
	}
	return min(most, t.c.h2.Window(t.st)+smallContent)
}

func (t *stream) cut(out []byte, _ bool) {
	if t.send(out, false) {
		t.l.resetStream(t, h2.InternalError)
	}
}

func (t *stream) settle() {
	if t.x != nil || len(t.unsent) > 0 || t.st == nil || !t.over || !t.l.alive(t.c) {
		return
	}
	c := t.c
	t.l.room(c).Done(t.st)
	t.l.freeStream(t)
	if c.h2.Open() == 0 {
		t.l.restFrames(c)
	}
}
