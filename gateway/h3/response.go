package h3

import (
	"net/textproto"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file sends the response, which is written to a stream as HTTP/1.1.

// responseLimits do not bound anything: the head was made here, or has been bounded before.
var responseLimits = wire.Limits{HeadBytes: 1 << 22, Fields: 1 << 12}

// Write sends a piece of the response.
func (st *stream) Write(p []byte) (int, error) {
	b := p
	if len(st.saved) > 0 {
		st.saved = append(st.saved, p...)
		b = st.saved
	}
	for !st.begun {
		n, fault := st.response.Parse(b, responseLimits)
		if fault != nil {
			return 0, fault
		}
		if n == 0 {
			st.saved = append(st.saved[:0], b...)
			return len(p), nil
		}
		switch {
		case st.response.Status >= 200:
			st.sendHead()
		default:
			st.sendInterim()
		}
		b = b[n:]
	}
	st.saved = st.saved[:0]
	if st.done {
		return len(p), nil
	}
	// A deadline of net/http resets the stream, also while no write is under way. The rest of a
	// complete response is sent by net/http when the handler has returned, so then the deadline
	// stays.
	st.rc.SetWriteDeadline(st.writeBy) // streams of net/http have deadlines
	if err := st.sendContent(b); err != nil || st.done {
		return len(p), err
	}
	err := st.rc.Flush()
	st.rc.SetWriteDeadline(time.Time{}) // as above
	return len(p), err
}

// sendInterim sends an interim response. The final one has its own fields.
func (st *stream) sendInterim() {
	st.rc.SetWriteDeadline(st.writeBy) // streams of net/http have deadlines
	st.setFields()
	st.w.WriteHeader(st.response.Status)
	clear(st.w.Header())
	st.rc.SetWriteDeadline(time.Time{}) // likewise
}

// setFields gives net/http the fields of the response.
func (st *stream) setFields() {
	h := st.w.Header()
	for i := range st.response.Fields {
		f := &st.response.Fields[i]
		switch {
		case f.ID == wire.Trailer:
			h["trailer"] = append(h["trailer"], string(f.Value)) // under the canonical name quic-go would act upon it
			continue
		case f.ID.HopByHop():
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(string(f.Name))
		h[name] = append(h[name], string(f.Value))
	}
}

func (st *stream) sendHead() {
	r := &st.response
	st.begun = true
	st.framing, st.left = r.Framing(st.r.Method == "HEAD"), r.Length
	st.done = st.framing == wire.NoContent
	st.setFields()
	h := st.w.Header()
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or net/http would guess
	}
	if r.Close && (st.on.c.GoingAway() || st.on.s.edge.UnderPressure()) {
		st.on.goAway()
	}
	st.w.WriteHeader(r.Status)
	if st.done {
		st.rc.Flush() // or quic-go would add a length; a dead stream shows at its end
	}
}

// sendContent sends content of the response as it is framed in p.
func (st *stream) sendContent(p []byte) error {
	for len(p) > 0 && !st.done {
		data := p
		switch st.framing {
		case wire.ByLength:
			data = p[:min(int64(len(p)), st.left)]
			p = p[len(data):]
			st.left -= int64(len(data))
			st.done = st.left == 0
		case wire.ByChunks:
			var n int
			var fault *wire.Fault
			if data, n, fault = st.decoder.Next(p); fault != nil {
				return fault
			}
			p = p[n:]
			if st.done = st.decoder.Done(); st.done {
				st.setTrailers()
			}
		default: // a response without an end is not made for HTTP/1.1
			p = nil
		}
		if _, err := st.w.Write(data); err != nil {
			return err
		}
	}
	return nil
}
