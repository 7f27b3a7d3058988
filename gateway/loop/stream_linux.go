package loop

import (
	"bytes"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/pipe"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A stream is a request of HTTP/2, and who its call is made for.
type stream struct {
	call
	timer
	l  *Loop
	c  *client
	st *h2.Stream

	text    []byte // the head, without its empty line, while content is waited for
	content []byte
	expects bool          // the method is one that is used with content
	sized   bool          // the head says how much content there is
	since   time.Duration // since the loop's start: when it has begun

	unsent   []byte // of the content of the response: there is no window for it
	over     bool   // the response ends with unsent
	trailers []byte // that come after it
	queued   bool   // it is one of c.h2.waiting
	bridge   *bridge
}

// beginStream acts on a new request, whose head the session has.
func (l *Loop) beginStream(c *client, st *h2.Stream, end bool) {
	t := l.newStream(c, st)
	c.state |= asked
	h := c.h2.Head()
	switch {
	case h.Fault == nil && c.h2.Wary():
		l.cross(t, h.Text, nil, nil, false)
	case end, h.Fault != nil, bytes.HasPrefix(h.Text, []byte("CONNECT ")):
		x := l.exchange()
		fault := h.Request(x.Head(), l.server.Options().Limits)
		l.serve(t, x, append(h.Text, '\r', '\n'), fault, nil, nil, h.Fault)
	case len(h.Protocol) > 0, h.Length > smallContent, bytes.Contains(h.Text, []byte("\r\nexpect: ")):
		l.cross(t, h.Text, nil, nil, false)
	default:
		t.text = append(l.buffer(), h.Text...)
		t.sized = h.Length >= 0
		if t.sized && pipe.Announces(t.text) {
			t.text, t.sized = pipe.Unsized(t.text), false
		}
		switch string(h.Text[:max(0, bytes.IndexByte(h.Text, ' '))]) {
		case "POST", "PUT", "PATCH":
			t.expects = true
		}
		l.undecided = append(l.undecided, t)
		t.since = l.now.Sub(l.start)
		l.arm(&t.timer, l.server.Options().BodyIdle)
	}
}

// streamTrailers acts on the trailer section of a request, which ends it; large: it is larger than the limits.
func (l *Loop) streamTrailers(t *stream, lines []byte, large bool) {
	var fault *wire.Fault
	switch {
	case t.bridge != nil && large:
		t.bridge.pipe.Refuse(wire.FaultTrailer)
		return
	case t.bridge == nil && t.text != nil && large:
		fault = wire.FaultTrailer
	case t.bridge == nil && t.text != nil:
		lines, fault = wire.ValidTrailers(lines)
	}
	l.streamContent(t, nil, true, lines, fault)
}

// streamContent acts on content of a request, and on its end, with the trailers that come with it, or what is wrong with them.
func (l *Loop) streamContent(t *stream, b []byte, end bool, trailers []byte, flaw *wire.Fault) {
	switch {
	case t.bridge != nil:
		t.bridge.pipe.Feed(b, end, trailers)
		return
	case t.text == nil: // it was answered without
		return
	}
	if len(b) > 0 {
		if t.content == nil {
			t.content = l.buffer()
		}
		t.content = append(t.content, b...)
	}
	switch {
	case end:
		text, content := append(t.text, '\r', '\n'), t.content
		t.text, t.content = nil, nil
		l.wheel.clear(&t.timer)
		l.serveText(t, text, content, trailers, flaw)
		l.release(text)
		if content != nil {
			l.release(content)
		}
	case !t.sized && len(t.content) >= smallContent:
		l.crossLate(t)
	case len(b) > 0 && !t.sized:
		l.undecided = append(l.undecided, t)
	}
}

// decide has a request whose content has no end in sight be read by a goroutine. One that is used without content waits for the
// end, which may come late.
func (l *Loop) decide(t *stream) {
	if t.text != nil && !t.sized && (t.expects || len(t.content) > 0) {
		l.crossLate(t)
	}
}

// serveText is serve for a request of which only the text is left.
func (l *Loop) serveText(t *stream, text, content, trailers []byte, flaw *wire.Fault) {
	x := l.exchange()
	n, fault := x.Head().Parse(text, l.server.Options().Limits)
	if fault == nil && n == 0 {
		fault = wire.FaultTruncated // it is longer than a reload allows since
	}
	l.serve(t, x, text, fault, content, trailers, flaw)
}

// serve begins the exchange for a request: text is its whole head, which x.Head has, or fault is what is wrong with it. With a flaw
// it is answered and goes nowhere.
func (l *Loop) serve(t *stream, x Exchange, text []byte, fault *wire.Fault, content, trailers []byte, flaw *wire.Fault) {
	c, r := t.c, x.Head()
	if fault != nil {
		l.reject(t, x, text, fault)
		return
	}
	if flaw != nil {
		r.Flaw = flaw
	}
	r.Length, r.Chunked = int64(len(content)), false
	out, _, next := x.Begin(l.out[:0], Client{Peer: c.peer, Identity: edge.IdentityOf(c.secure), On: c.on, Now: l.now, Major: 2})
	switch next {
	case Elsewhere:
		l.giveBack(x)
		l.cross(t, text[:len(text)-len("\r\n")], content, trailers, true)
		return
	case Forwarded:
		if fault = x.Prepare(content, trailers); fault == nil {
			l.ups.forward(&t.call, x)
			return
		}
		out = x.Refuse(l.out[:0], fault)
	}
	x.Done(nil, l.now)
	l.giveBack(x)
	t.answer(out, true)
	t.settle()
}

func (l *Loop) newStream(c *client, st *h2.Stream) *stream {
	var t *stream
	if n := len(l.streams); n > 0 {
		t, l.streams = l.streams[n-1], l.streams[:n-1]
	} else {
		t = &stream{}
	}
	t.l, t.c, t.st, t.to, t.timer.stream = l, c, st, t, t
	st.Owner = t
	return t
}

// freeStream takes leave of a stream that the session has closed.
func (l *Loop) freeStream(t *stream) {
	l.wheel.remove(&t.timer)
	for _, b := range [][]byte{t.text, t.content, t.unsent} {
		if b != nil {
			l.release(b)
		}
	}
	t.wait(false)
	if t.bridge != nil {
		t.bridge.t = nil
	}
	*t = stream{l: l}
	t.to = t // who has called it may have more to say
	if len(l.streams) < batch {
		l.streams = append(l.streams, t)
	}
}

// wait notes whether the stream waits for room.
func (t *stream) wait(waits bool) {
	switch {
	case waits && !t.queued:
		t.c.h2.waiting++
	case !waits && t.queued:
		t.c.h2.waiting--
	}
	t.queued = waits
}

// streamGone acts on the reset of a stream.
func (l *Loop) streamGone(t *stream) {
	if t.bridge != nil {
		t.bridge.pipe.Fail(pipe.ErrGone) // its handler has yet to end
		return
	}
	l.endStream(t)
}

// endStream ends a stream at once, without a word to the client.
func (l *Loop) endStream(t *stream) {
	if t.x != nil {
		l.ups.cancel(&t.call)
	}
	if t.bridge != nil {
		t.bridge.pipe.Fail(pipe.ErrGone)
	}
	t.c.h2.Close(t.st)
	l.freeStream(t)
}

// resetStream resets a stream.
func (l *Loop) resetStream(t *stream, code h2.Code) {
	if t.x != nil {
		l.ups.cancel(&t.call)
	}
	c := t.c
	l.room(c).Reset(t.st, code)
	l.freeStream(t)
	l.restFrames(c)
}

// reject answers a request that is refused for a fault of its head, which is text. x is given back.
func (l *Loop) reject(t *stream, x Exchange, text []byte, f *wire.Fault) {
	var s wire.Salvage
	s.Feed(text)
	s.Request(x.Head())
	out := x.Reject(l.out[:0], Client{Peer: t.c.peer, Identity: edge.IdentityOf(t.c.secure), On: t.c.on, Now: l.now, Major: 2}, f)
	x.Done(nil, l.now)
	l.giveBack(x)
	t.answer(out, true)
	t.settle()
}

// refuseStreamContent answers a request whose content is not all here.
func (l *Loop) refuseStreamContent(t *stream, f *wire.Fault) {
	x := l.exchange()
	text := append(t.text, '\r', '\n')
	n, fault := x.Head().Parse(text, l.server.Options().Limits)
	l.release(t.text)
	t.text = nil
	if n == 0 || fault != nil {
		l.reject(t, x, text, f)
		return
	}
	out, _, next := x.Begin(l.out[:0], Client{Peer: t.c.peer, Identity: edge.IdentityOf(t.c.secure), On: t.c.on, Now: l.now, Major: 2})
	if next != Answered {
		out = x.Refuse(l.out[:0], f)
	}
	x.Done(nil, l.now)
	l.giveBack(x)
	t.answer(out, true)
	t.settle()
}

// streamExpired acts on the deadline of a stream: of its content, of what it has to send, or of its call's wait for a connection.
func (l *Loop) streamExpired(t *stream) {
	switch {
	case t.text != nil:
		l.refuseStreamContent(t, edge.FaultTimeout)
	case t.hold != nil:
		l.ups.queueExpired(&t.call)
	case t.bridge != nil:
		t.bridge.pipe.Fail(pipe.ErrGone)
		l.room(t.c).Cancel(t.st, h2.Cancel)
	case len(t.unsent) > 0:
		l.resetStream(t, h2.Cancel)
	}
}
