package h3

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file has the parts of HTTP/3 that quic-go leaves to its callers.

// lookSpace is for content that comes with the head.
const lookSpace = 2 << 10

// look finds out whether content follows the head. In HTTP/2 the head says so; in HTTP/3 the
// end of the stream is QUIC's, and may come later, in a separate packet. If the method is one
// that is used without content, look waits for the end or for content; POST, PUT and PATCH
// without a length continue with what may come.
func (st *stream) look() error {
	_, expects := st.r.Header["Expect"]
	if st.r.ContentLength > 0 || expects {
		return nil
	}
	switch st.r.Method {
	case "POST", "PUT", "PATCH":
		if st.r.ContentLength < 0 {
			st.peek()
			return nil
		}
	}
	if st.r.ContentLength == 0 {
		return st.over()
	}
	buf := make([]byte, lookSpace)
	n, err := st.readBody(buf)
	switch {
	case n > 0:
		st.looked = buf[:n]
	case err == io.EOF && st.trailed():
	case err == io.EOF:
		st.content, st.chunked = false, false
	default:
		return err
	}
	return nil
}

// trailed reports whether a trailer section has come.
func (st *stream) trailed() bool {
	for _, values := range st.r.Trailer { // before, it has the names that were announced
		if len(values) > 0 {
			return true
		}
	}
	return false
}

// readLast reads the end of content in chunks. A request whose content is not as long as it said has none.
func (st *stream) readLast(p []byte) (int, error) {
	st.ended = true
	if st.r.ContentLength >= 0 && st.read != st.r.ContentLength {
		return 0, io.EOF
	}
	var lines []byte
	for _, name := range slices.Sorted(maps.Keys(st.r.Trailer)) {
		for _, v := range st.r.Trailer[name] {
			if strings.ContainsAny(name+v, "\r\n") {
				v = "\x00" // which none may hold
			}
			lines = append(append(append(append(lines, name...), ": "...), v...), '\r', '\n')
		}
	}
	st.head, st.at = wire.AppendLastChunk(st.head[:0], lines), 0
	st.at = copy(p, st.head)
	return st.at, nil
}

// setTrailers gives quic-go the trailer section of the response, which it sends when the handler has returned.
func (st *stream) setTrailers() {
	h := st.w.Header()
	for lines := st.decoder.Trailers(); len(lines) > 0; {
		var line, name []byte
		line, name, lines = wire.CutTrailer(lines)
		key := http.TrailerPrefix + textproto.CanonicalMIMEHeaderKey(string(name))
		h[key] = append(h[key], string(line[len(name)+len(": "):len(line)-len("\r\n")]))
	}
}

// peek notes that there is no content if the end of the stream has come already. It reads
// nothing: a deadline that has passed lets only what needs no waiting be seen, at the second
// look.
func (st *stream) peek() {
	st.rc.SetReadDeadline(time.Unix(1, 0)) // streams of quic-go have deadlines
	var b [1]byte
	for range 2 {
		if n, err := st.r.Body.Read(b[:]); n == 0 && err == io.EOF && !st.cut() && !st.trailed() {
			st.content, st.chunked = false, false
		}
	}
	st.rc.SetReadDeadline(time.Time{}) // likewise
}

// insist continues a read that has returned nothing: a frame without content, or trailers, which end it.
func (st *stream) insist(p []byte, n int, err error) (int, error) {
	for n == 0 && err == nil && len(p) > 0 {
		if !st.readBy.IsZero() && !time.Now().Before(st.readBy) {
			return 0, os.ErrDeadlineExceeded
		}
		n, err = st.r.Body.Read(p)
	}
	if err == io.EOF && st.cut() {
		st.on.closeFirst(frameError)
		return 0, errFrame
	}
	return n, err
}

var errFrame = errors.New("the stream ended within a DATA frame")

// cut reports whether the stream has ended within a DATA frame, which quic-go takes for the end
// of the content. What it has of the frame it keeps to itself, so it is looked up by name; a
// test fails if the name changes. See RFC 9114, section 7.1.
func (st *stream) cut() bool {
	body := reflect.ValueOf(st.r.Body)
	if body.Kind() != reflect.Pointer || body.Elem().Kind() != reflect.Struct {
		return false // http.NoBody
	}
	stream := body.Elem().FieldByName("str")
	if !stream.IsValid() || stream.Kind() != reflect.Pointer || stream.IsNil() {
		return false
	}
	left := stream.Elem().FieldByName("bytesRemainingInFrame")
	return left.IsValid() && left.CanUint() && left.Uint() > 0
}

var errExcess = errors.New("there is more content than Content-Length says")

// whole looks, when all content has come that was announced, whether the stream ends there. A
// read that has brought more is one that has failed, so that no part of it is mistaken for the
// end.
func (st *stream) whole(n int, err error) (int, error) {
	if st.read += int64(n); st.read == st.r.ContentLength && err == nil {
		err = st.over()
		if err == nil {
			err = io.EOF
		}
	}
	if err != nil && err != io.EOF {
		return 0, err
	}
	return n, err
}

// over waits for the end of a stream after its content.
func (st *stream) over() error {
	var b [1]byte
	switch n, err := st.readBody(b[:]); {
	case n > 0:
		return errExcess
	case err != io.EOF:
		return err
	}
	return nil
}
