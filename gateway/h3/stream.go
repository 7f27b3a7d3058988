package h3

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
)

// keptBytes is the largest buffer that is kept for the next stream.
const keptBytes = 4 << 10

// A stream is one request of HTTP/3 as a connection of HTTP/1.1 that exists in memory only. What
// quic-go has made of the stream is written down as HTTP/1.1 and read by the one
// parser; and the response, which is HTTP/1.1 like any other, is read by it too and sent as what the request was.
// So there is one parser, and one kind of handler.
//
// It is not repaired: nothing in a method, a target or a field can end a line, and what does not
// stand where it was put is refused by the parser. quic-go has judged the pseudo-header fields,
// joined the crumbs of Cookie, and kept trailers apart. What it leaves to others is in content.go.
type stream struct {
	on *conn // the connection of the stream
	w  http.ResponseWriter
	r  *http.Request
	rc *http.ResponseController

	// The request.
	head    []byte // in[at:] has not been read
	at      int
	ready   bool // the head is made
	content bool // follows the head
	chunked bool
	ended   bool   // all content was read
	looked  []byte // content that was read before its time
	read    int64  // bytes of content

	// The response.
	saved    []byte // part of a head
	response wire.Response
	framing  wire.Framing
	left     int64
	decoder  wire.Chunked
	begun    bool // the head was sent
	done     bool // all was

	readBy, writeBy time.Time // deadlines, in force while something is read or written
}

// maxResets is how many streams a client may have reset, beyond those that it let end.
const maxResets = 1000

// serveStream serves one request.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	on := r.Context().Value(connKey{}).(*conn)
	if !on.begin() {
		on.settle(true)
		panic(http.ErrAbortHandler)
	}
	defer on.end()
	on.c.Listener().CountStream(3, 1)
	defer on.c.Listener().CountStream(3, -1)
	st, ok := s.idleStreams.Get().(*stream)
	if !ok {
		st = &stream{}
	}
	st.on = on
	st.begin(w, r)
	s.edge.ServeStream(st, nil, on.c.Peer(), on.c.Listener())
	complete := st.done
	reset := r.Context().Err() != nil
	st.end()
	s.idleStreams.Put(st)
	on.settle(reset)
	if !complete {
		panic(http.ErrAbortHandler) // which resets the stream
	}
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
		q.close(excessiveLoad)
	}
}

// begin makes st the stream of a request.
func (st *stream) begin(w http.ResponseWriter, r *http.Request) {
	st.w, st.r, st.rc = w, r, http.NewResponseController(w)
	_, sized := r.Header["Content-Length"]
	st.content = r.Body != http.NoBody && r.ContentLength != 0 || sized
	st.chunked = st.content && (!sized || len(r.Trailer) > 0)
}

// end forgets all but memory to use again.
func (st *stream) end() {
	head, saved, response := st.head[:0], st.saved[:0], st.response
	if cap(head) > keptBytes {
		head = nil
	}
	*st = stream{head: head, saved: saved, response: response}
}

func (st *stream) appendHead(dst []byte) []byte {
	r := st.r
	line := func(parts ...string) {
		for _, p := range parts {
			if strings.ContainsAny(p, "\r\n") {
				p = "\x00" // which no part of a head may hold
			}
			dst = append(dst, p...)
		}
		dst = append(dst, '\r', '\n')
	}
	line(r.Method, " ", r.RequestURI, " HTTP/1.1")
	line("Host: ", r.Host)
	for name, values := range r.Header {
		if name == "Host" || st.chunked && name == "Content-Length" { // Host is what r.Host is, or net/http has refused it
			continue
		}
		for _, v := range values {
			line(name, ": ", v)
		}
	}
	if st.chunked {
		line("Transfer-Encoding: chunked")
		if len(r.Trailer) > 0 {
			line("Trailer: ", strings.Join(slices.Sorted(maps.Keys(r.Trailer)), ", "))
		}
	}
	return append(dst, '\r', '\n')
}

// Read reads the request.
func (st *stream) Read(p []byte) (int, error) {
	if !st.ready {
		if err := st.look(); err != nil {
			return 0, err
		}
		st.head, st.ready = st.appendHead(st.head[:0]), true
	}
	switch {
	case st.at < len(st.head):
		n := copy(p, st.head[st.at:])
		st.at += n
		return n, nil
	case !st.content || st.ended:
		return 0, io.EOF
	case st.chunked:
		return st.readChunk(p)
	}
	n, err := st.readBody(p)
	n, err = st.whole(n, err)
	return n, st.explain(err)
}

// readBody reads content. A deadline of net/http ends the content, also while no read is under way.
func (st *stream) readBody(p []byte) (int, error) {
	if len(st.looked) > 0 {
		n := copy(p, st.looked)
		st.looked = st.looked[n:]
		return n, nil
	}
	st.rc.SetReadDeadline(st.readBy) // streams of net/http have deadlines
	n, err := st.r.Body.Read(p)
	n, err = st.insist(p, n, err)
	if err == nil {
		st.rc.SetReadDeadline(time.Time{}) // likewise
	}
	return n, err
}

// readChunk reads what content there is as one chunk.
func (st *stream) readChunk(p []byte) (int, error) {
	const size, end = len("00000000\r\n"), len("\r\n")
	if len(p) < size+1+end {
		return 0, io.ErrShortBuffer
	}
	n, err := st.readBody(p[size : len(p)-end])
	if n == 0 {
		if err == io.EOF {
			return st.readLast(p)
		}
		return 0, st.explain(err)
	}
	st.read += int64(n)
	const digits = "0123456789abcdef"
	for i := range size - 2 {
		p[i] = digits[n>>(4*(size-3-i))&0xf]
	}
	copy(p[size-2:], "\r\n")
	copy(p[size+n:], "\r\n")
	return size + n + end, nil
}

// explain makes the end of the content of a stream that continues an end of the content, even where
// it is not the end that Content-Length has announced: the reader sees that itself.
func (st *stream) explain(err error) error {
	if err == io.ErrUnexpectedEOF && st.r.Context().Err() == nil {
		return io.EOF
	}
	return err
}
