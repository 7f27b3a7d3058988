package h3

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/pipe"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/quic-go/quic-go"
)

// keptBytes is the largest buffer that is kept for the next stream.
const keptBytes = 4 << 10

// A stream is one request of HTTP/3 as an HTTP/1.1 connection that exists in memory only. Its header block is decoded to the text that
// package wire parses, and the response, which is HTTP/1.1 like any other, is turned into frames, both as for HTTP/2. So there is one
// parser, and one kind of handler.
type stream struct {
	on   *conn // the connection of the stream
	quic *quic.Stream

	// The request.
	in      frameReader
	head    h2.Head
	text    []byte // of the head, later the last chunk: [at:] has not been read
	at      int
	flaw    *wire.Fault // why the request is refused
	body    body
	length  int64  // by Content-Length
	came    int64  // bytes of content
	data    bool   // the current frame is DATA
	trailed bool   // the trailer section has come
	over    bool   // all content was read
	lines   []byte // of the trailer section

	// The response.
	out      []byte // frames that were not sent
	saved    []byte // what was written and is not whole
	block    []byte
	outlet   pipe.Outlet
	response wire.Response

	code  quic.StreamErrorCode // by which the stream is reset
	reset bool                 // the client has reset it
}

// A body is how the content of a request comes.
type body uint8

const (
	none body = iota
	sized
	chunked
	raw // of a tunnel
)

// maxResets is how many streams a client may have reset, beyond those that it let end.
const maxResets = 1000

// serveStream serves one request.
func (q *conn) serveStream(str *quic.Stream) {
	st, ok := q.s.idleStreams.Get().(*stream)
	if !ok {
		st = &stream{}
	}
	st.on, st.quic, st.code = q, str, requestIncomplete
	st.in.reset(str)
	st.serve()
	reset := st.reset || wasReset(context.Cause(str.Context()))
	st.forget()
	q.s.idleStreams.Put(st)
	q.settle(reset)
}

// serve reads the head, has the handler serve the request, and ends the stream.
func (st *stream) serve() {
	q := st.on
	st.quic.SetReadDeadline(time.Now().Add(q.s.edge.Options().Header)) // streams of quic-go have deadlines
	if err := st.begin(); err != nil {
		st.failed(err)
		st.finish()
		return
	}
	if !q.begin(st.quic) {
		st.code, st.reset = requestRejected, true
		st.finish()
		return
	}
	defer q.end(st.quic)
	st.code = internalError
	q.c.Listener().CountStream(3, 1)
	defer q.c.Listener().CountStream(3, -1)
	st.quic.SetReadDeadline(time.Time{}) // likewise
	q.s.edge.ServeStream(st, st.flaw, q.c.Peer(), q.c.Listener())
	st.pour(nil, true) // the end of a tunnel
	st.finish()
}

// failed notes why there is no request.
func (st *stream) failed(err error) {
	var f *streamFault
	switch {
	case errors.As(err, &f):
		st.code, st.reset = f.code, true
		st.on.s.edge.Fault(edge.FaultHTTP3, st.on.c.Peer())
	case errors.Is(err, os.ErrDeadlineExceeded), wasReset(err):
		st.reset = true
	}
}

// wasReset reports whether err says that the client has reset a stream, or has asked us to.
func wasReset(err error) bool {
	var e *quic.StreamError
	return errors.As(err, &e) && e.Remote
}

// settle counts an ended stream. A client that resets most of what it asks for only keeps us busy.
func (q *conn) settle(reset bool) {
	q.mu.Lock()
	switch {
	case reset:
		q.resets++
	case q.resets > 0:
		q.resets--
	}
	most := reset && q.resets == maxResets
	q.mu.Unlock()
	if most {
		q.s.edge.Fault(edge.FaultResets, q.c.Peer())
		q.floods("resets")
		q.close(excessiveLoad)
	}
}

// forget forgets all but memory to use again.
func (st *stream) forget() {
	small := func(b []byte) []byte {
		if cap(b) > keptBytes {
			return nil
		}
		return b[:0]
	}
	in, head := small(st.in.buf), st.head
	if cap(head.Text) > keptBytes {
		head = h2.Head{}
	}
	*st = stream{
		in: frameReader{buf: in[:cap(in)]}, head: head, text: small(st.text), lines: small(st.lines),
		out: small(st.out), saved: small(st.saved), block: small(st.block), response: st.response,
	}
}
