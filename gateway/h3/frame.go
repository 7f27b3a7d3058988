package h3

import (
	"errors"
	"io"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// Connection errors of HTTP/3. See RFC 9114, section 8.1, and RFC 9204, section 6.
const (
	noError              quic.ApplicationErrorCode = 0x100
	streamCreationError  quic.ApplicationErrorCode = 0x103
	closedCriticalStream quic.ApplicationErrorCode = 0x104
	frameUnexpected      quic.ApplicationErrorCode = 0x105
	frameError           quic.ApplicationErrorCode = 0x106
	excessiveLoad        quic.ApplicationErrorCode = 0x107
	idError              quic.ApplicationErrorCode = 0x108
	settingsError        quic.ApplicationErrorCode = 0x109
	missingSettings      quic.ApplicationErrorCode = 0x10a
	decompressionFailed  quic.ApplicationErrorCode = 0x200
	encoderError         quic.ApplicationErrorCode = 0x201
	decoderError         quic.ApplicationErrorCode = 0x202
)

// Stream errors of HTTP/3.
const (
	streamDone        quic.StreamErrorCode = 0x100 // H3_NO_ERROR
	internalError     quic.StreamErrorCode = 0x102
	streamUnknown     quic.StreamErrorCode = 0x103 // H3_STREAM_CREATION_ERROR
	requestRejected   quic.StreamErrorCode = 0x10b
	requestIncomplete quic.StreamErrorCode = 0x10d
	messageError      quic.StreamErrorCode = 0x10e
)

// The types of frames. See RFC 9114, section 7.2, and RFC 9218, section 7.2.
const (
	frameData               = 0x00
	frameHeaders            = 0x01
	frameCancelPush         = 0x03
	frameSettings           = 0x04
	framePushPromise        = 0x05
	frameGoAway             = 0x07
	frameMaxPushID          = 0x0d
	framePriorityUpdate     = 0xf0700
	framePriorityUpdatePush = 0xf0701
)

// reserved reports whether a type is reserved because HTTP/2 used it for a frame that HTTP/3 does not have. See RFC 9114, section 7.2.8.
func reserved(kind uint64) bool { return kind == 0x02 || kind == 0x06 || kind == 0x08 || kind == 0x09 }

// ignored reports whether frames of a type are skipped on any stream.
func ignored(kind uint64) bool {
	switch kind {
	case frameData, frameHeaders, frameCancelPush, frameSettings, framePushPromise, frameGoAway, frameMaxPushID,
		framePriorityUpdate, framePriorityUpdatePush:
		return false
	}
	return !reserved(kind)
}

// errCut is the error of a stream that ends within a frame. See RFC 9114, section 7.1.
var errCut = errors.New("the stream ended within a frame")

// firstRead is the initial size of a reader's buffer.
const firstRead = 2 << 10

// A frameReader reads the frames of a stream. It is used by one goroutine at a time.
type frameReader struct {
	src  io.Reader
	buf  []byte // buf[r:w] was read and not used
	r, w int
	left uint64 // of the payload of the current frame
	err  error  // what src has ended with
}

// reset prepares f for another stream. It keeps the buffer.
func (f *frameReader) reset(src io.Reader) { *f = frameReader{src: src, buf: f.buf} }

// ended reports whether the stream is known to have ended where the reader stands, after a whole frame.
func (f *frameReader) ended() bool { return f.err == io.EOF && f.r == f.w && f.left == 0 }

// fill reads more into the buffer.
func (f *frameReader) fill() error {
	if f.err != nil {
		return f.err
	}
	if f.r == f.w {
		f.r, f.w = 0, 0
	}
	if f.buf == nil {
		f.buf = make([]byte, firstRead)
	}
	if f.w == len(f.buf) {
		if f.r == 0 {
			f.buf = append(f.buf, make([]byte, len(f.buf))...)
		} else {
			f.w = copy(f.buf, f.buf[f.r:f.w])
			f.r = 0
		}
	}
	n, err := f.src.Read(f.buf[f.w:])
	f.w += n
	if f.end(err); n > 0 {
		return nil
	}
	return err
}

// end records err as the end of the stream, unless it is an expired deadline.
func (f *frameReader) end(err error) {
	if t, ok := err.(interface{ Timeout() bool }); err != nil && !(ok && t.Timeout()) {
		f.err = err
	}
}

// varint returns the variable-length integer at the front of b and its size, or 0 if b has only a part of it. See RFC 9000, section 16.
func varint(b []byte) (v uint64, n int) {
	if len(b) == 0 || len(b) < 1<<(b[0]>>6) {
		return 0, 0
	}
	v, n, _ = quicvarint.Parse(b) // it is all there
	return v, n
}

// next skips what is left of the current frame, and reads the header of the next one. The error is io.EOF if there is none. A deadline
// loses nothing: next may be called again.
func (f *frameReader) next() (kind uint64, err error) {
	if err := f.skip(); err != nil {
		return 0, err
	}
	for {
		kind, n := varint(f.buf[f.r:f.w])
		if length, m := varint(f.buf[f.r+n : f.w]); n > 0 && m > 0 {
			f.r, f.left = f.r+n+m, length
			return kind, nil
		}
		if err := f.fill(); err != nil {
			if f.r < f.w {
				err = whole(err)
			}
			return 0, err
		}
	}
}

// skip skips what is left of the current frame.
func (f *frameReader) skip() error {
	for f.left > 0 {
		if f.r == f.w {
			if err := f.fill(); err != nil {
				return whole(err)
			}
		}
		n := min(uint64(f.w-f.r), f.left)
		f.r += int(n)
		f.left -= n
	}
	return nil
}

// read reads the part of the current frame's payload that has arrived. Precondition: some of the payload is left.
func (f *frameReader) read(p []byte) (int, error) {
	if f.r < f.w {
		n := copy(p[:min(uint64(len(p)), f.left)], f.buf[f.r:f.w])
		f.r += n
		f.left -= uint64(n)
		return n, nil
	}
	if f.err != nil {
		return 0, whole(f.err)
	}
	n, err := f.src.Read(p[:min(uint64(len(p)), f.left)])
	f.left -= uint64(n)
	if f.end(err); n > 0 {
		return n, nil
	}
	return 0, whole(err)
}

// payload returns the first bytes of the payload of the current frame, at most so many, once they have arrived. They are valid until f is
// used again.
func (f *frameReader) payload(most int) ([]byte, error) {
	n := int(min(f.left, uint64(most)))
	for f.w-f.r < n {
		if err := f.fill(); err != nil {
			return nil, whole(err)
		}
	}
	p := f.buf[f.r : f.r+n]
	f.r += n
	f.left -= uint64(n)
	return p, nil
}

// whole returns err, or errCut in place of io.EOF: the stream has ended where it must not.
func whole(err error) error {
	if err == io.EOF {
		return errCut
	}
	return err
}
