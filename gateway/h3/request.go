package h3

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/pipe"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/quic-go/quic-go"
)

// This file reads the request of a stream.

// A streamFault is a stream error: it ends one request, not the connection.
type streamFault struct {
	code   quic.StreamErrorCode
	reason string
}

func (f *streamFault) Error() string { return f.reason }

var (
	errMalformed  = &streamFault{messageError, "the request is malformed"}
	errExcess     = &streamFault{messageError, "there is more content than Content-Length says"}
	errIncomplete = &streamFault{requestIncomplete, "the stream has ended without a request"}
	errBlock      = errors.New("a header block cannot be decoded")
	errUnexpected = errors.New("a frame stands where it must not")
)

// begin reads the head, and finds out whether content follows it: in HTTP/2 the head says so; in HTTP/3 the end of the stream is
// QUIC's, and may come later, in a separate packet.
func (st *stream) begin() error {
	for {
		kind, err := st.in.next()
		switch {
		case err == io.EOF:
			return errIncomplete
		case err != nil:
			return st.broken(err)
		case ignored(kind):
			continue
		case kind != frameHeaders:
			return st.broken(errUnexpected)
		}
		break
	}
	if err := st.decode(false); err != nil {
		return err
	}
	h := &st.head
	if h.Malformed {
		return errMalformed
	}
	st.outlet.Begin(h.Text)
	st.on.prioritise(st.quic, h.Priority)
	var isSized bool
	st.text, isSized, st.flaw = pipe.Lines(h, append(st.text[:0], h.Text...), st.in.ended())
	st.length = h.Length
	err := st.look(isSized)
	if st.body == chunked {
		st.text = append(st.text, "Transfer-Encoding: chunked\r\n"...)
	}
	st.text = append(st.text, '\r', '\n')
	return err
}

// decode decodes the header block of the current frame to st.head. It reads no more of it than a head within the limits takes.
func (st *stream) decode(trailers bool) error {
	o := st.on.options
	most := o.ListBytes()
	cut := st.in.left > uint64(most)
	b, err := st.in.payload(most)
	if err != nil {
		return st.broken(err)
	}
	st.head.Begin(o, trailers)
	if !h2.DecodeQPACK(b, &st.head, cut) {
		return st.broken(errBlock)
	}
	return nil
}

// look finds out whether and how content follows the head. If the method is one that is used without content, it
// waits for the end or for content; POST, PUT and PATCH without a length continue, after a moment, with what may come.
func (st *stream) look(isSized bool) error {
	method, opens := pipe.Method(st.head.Text), pipe.Awaits(st.head.Text)
	switch {
	case st.flaw != nil || string(method) == "CONNECT":
		return nil // it is refused
	case len(st.head.Protocol) > 0:
		st.body = raw
		return nil
	case isSized && st.length == 0:
		return st.end()
	case isSized && !opens:
		st.body = sized
		return nil
	case opens || pipe.Expects(method):
		opens = true
		st.quic.SetReadDeadline(time.Now().Add(pipe.Moment)) // streams of quic-go have deadlines
	}
	switch err := st.more(); {
	case err == nil, err == io.EOF && st.trailed, opens && errors.Is(err, os.ErrDeadlineExceeded):
		st.body = chunked
	case err != io.EOF:
		return err
	}
	if isSized {
		st.body = sized
	}
	return nil
}

// more waits for content. It returns io.EOF at the end of the stream.
func (st *stream) more() error {
	for !st.data || st.in.left == 0 {
		kind, err := st.in.next()
		switch {
		case err != nil:
			return st.broken(err)
		case ignored(kind):
			st.data = false
		case kind == frameData && !st.trailed:
			st.data = true
		case kind == frameHeaders && !st.trailed && st.body != raw:
			st.data, st.trailed = false, true
			if err := st.trailers(); err != nil {
				return err
			}
		default:
			return st.broken(errUnexpected)
		}
	}
	return nil
}

// trailers reads the trailer section. See RFC 9114, section 4.1.
func (st *stream) trailers() error {
	if err := st.decode(true); err != nil {
		return err
	}
	switch h := &st.head; {
	case h.Malformed:
		return errMalformed
	case h.Fault != nil:
		return wire.FaultTrailer
	}
	st.lines = append(st.lines[:0], st.head.Text...)
	return nil
}

// end waits for the end of the stream. Content before it is an error.
func (st *stream) end() error {
	switch err := st.more(); err {
	case nil:
		return errExcess
	case io.EOF:
		return nil
	default:
		return err
	}
}

// broken ends the connection if err is one of its errors. See RFC 9114, sections 4.1 and 7.1, and RFC 9204, section 2.2.
func (st *stream) broken(err error) error {
	switch err {
	case errCut:
		st.on.fault(frameError)
	case errUnexpected:
		st.on.fault(frameUnexpected)
	case errBlock:
		st.on.fault(decompressionFailed)
	}
	return err
}

// Read reads the request.
func (st *stream) Read(p []byte) (int, error) {
	switch {
	case st.at < len(st.text):
		n := copy(p, st.text[st.at:])
		st.at += n
		return n, nil
	case st.over || st.body == none:
		return 0, io.EOF
	}
	n, err := st.read(p)
	if err != nil {
		err = st.explain(err)
	}
	return n, err
}

// explain makes the end of the content of one that is not as long as it was announced, which the reader sees itself.
func (st *stream) explain(err error) error {
	var f *streamFault
	if errors.As(err, &f) {
		st.code = f.code
		return io.EOF
	}
	st.reset = st.reset || wasReset(err)
	return err
}

func (st *stream) read(p []byte) (int, error) {
	if st.body == chunked {
		return st.readChunk(p)
	}
	if err := st.more(); err != nil {
		return 0, err
	}
	n, err := st.in.read(p)
	if err != nil {
		return 0, st.broken(err)
	}
	if st.came += int64(n); st.body == sized && st.came >= st.length {
		// Nothing of a read that has brought more than was announced is taken for the end.
		if st.came > st.length {
			return 0, errExcess
		}
		if err := st.end(); err != nil {
			return 0, err
		}
		st.over = true
	}
	return n, nil
}

// readChunk returns the content that has arrived as one chunk, and the end of the content as the last chunk.
func (st *stream) readChunk(p []byte) (int, error) {
	const size, end = len("00000000\r\n"), len("\r\n")
	if len(p) < size+1+end {
		return 0, io.ErrShortBuffer
	}
	switch err := st.more(); {
	case err == io.EOF && st.length >= 0 && st.came != st.length:
		return 0, errMalformed
	case err == io.EOF:
		st.over = true
		st.text = wire.AppendLastChunk(st.text[:0], st.lines)
		st.at = copy(p, st.text)
		return st.at, nil
	case err != nil:
		return 0, err
	}
	n, err := st.in.read(p[size : len(p)-end])
	if err != nil {
		return 0, st.broken(err)
	}
	if st.came += int64(n); st.length >= 0 && st.came > st.length {
		return 0, errExcess
	}
	const digits = "0123456789abcdef"
	for i := range size - 2 {
		p[i] = digits[n>>(4*(size-3-i))&0xf]
	}
	copy(p[size-2:], "\r\n")
	copy(p[size+n:], "\r\n")
	return size + n + end, nil
}
