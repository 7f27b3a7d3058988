package h2

// This file acts on the frames of requests: header blocks and content.

// headers acts on a HEADERS frame. See RFC 9113, section 6.2:
//
//	[pad length] [exclusive, dependency, weight] field block fragment [padding]
//	 PADDED       PRIORITY: 5 bytes, ignored                           PADDED
func (s *Session) headers(f frame, p []byte) Event {
	if f.id&1 == 0 {
		return s.fatal(ProtocolError)
	}
	p, code := unpad(p, f)
	if code != NoError {
		return s.fatal(code)
	}
	if f.has(flagPriority) {
		if len(p) < 5 {
			return s.fatal(FrameSizeError)
		}
		if frameID(p) == f.id { // a stream that depends on itself: RFC 7540, section 5.3.1
			return s.fatal(ProtocolError)
		}
		p = p[5:]
	}
	s.blockEnd = f.has(flagEndStream)
	if f.has(flagEndHeaders) {
		return s.blockDone(f.id, p)
	}
	s.blockOf, s.short = f.id, 0
	s.block = append(s.block[:0], p...)
	return Event{}
}

// continuation acts on a CONTINUATION frame (RFC 9113, section 6.10). A block has no length of
// its own, so it is bounded here, in bytes and in short pieces: a client that never sends
// END_HEADERS would otherwise fill memory, or processor time one byte at a time (VU#421644).
func (s *Session) continuation(f frame, p []byte) Event {
	last := f.has(flagEndHeaders)
	if len(p) < shortBlock && !last {
		s.short++
	}
	if len(s.block)+len(p) > bombFactor*s.o.ListBytes() || s.short > shortBlocks {
		return s.tooMuch(CauseContinuation)
	}
	s.block = append(s.block, p...)
	if !last {
		return Event{}
	}
	block := s.block
	s.block, s.blockOf = nil, 0
	return s.blockDone(f.id, block)
}

// blockDone acts on a whole header block, which is always decoded, even if its stream is
// refused or closed: the dynamic table is the connection's and must not miss an entry (RFC
// 9113, section 4.3).
func (s *Session) blockDone(id uint32, block []byte) Event {
	fresh := id > s.last
	st := s.find(id)
	// RFC 9113, section 5.1.1: an identifier below the last one that was used is closed.
	if !fresh && st == nil && !s.late(id) {
		return s.fatal(StreamClosed)
	}
	h := &s.scratch.head
	h.Begin(s.o, !fresh)
	switch code := s.decoder.Decode(block, h); code {
	case NoError:
	case EnhanceYourCalm:
		return s.tooMuch(CauseHeads)
	default:
		return s.fatal(code)
	}
	if h.end(); fresh {
		return s.request(id, h)
	}
	switch {
	case st == nil:
		return s.ignored(costReset, CauseErrors)
	case st.remote:
		return s.broken(id, st, StreamClosed)
	// A second block is the trailer section: it ends the stream (section 8.1) and the content
	// must be as long as announced (section 8.1.1).
	case !s.blockEnd, h.Malformed, st.length >= 0 && st.got != st.length:
		return s.broken(id, st, ProtocolError)
	}
	st.remote = true
	return Event{Kind: Trailers, Stream: st, End: true, Data: h.Text}
}

// request opens a stream for a request.
func (s *Session) request(id uint32, h *Head) Event {
	s.last = id
	switch {
	case s.final > 0 && id > s.final:
		return s.ignored(1, CauseStreams) // RFC 9113, section 6.8: it was told by GOAWAY
	// RFC 9113, section 5.1.2. REFUSED_STREAM promises that nothing was done (section 8.7), so
	// a client that did not know the limit yet sends it again.
	case s.open >= MaxStreams:
		s.appendReset(id, RefusedStream)
		s.o.Counts.refuse()
		if !s.pay(costRefused, CauseStreams) {
			return s.calmDown()
		}
		return Event{Kind: Gone, Ours: true, Code: RefusedStream, Cause: CauseStreams}
	// Section 8.1.1: a stream error, of type PROTOCOL_ERROR. A Content-Length without content
	// is malformed too, and would leave an HTTP/1.1 upstream waiting for the next request's
	// bytes.
	case h.Malformed, s.blockEnd && h.Length > 0:
		return s.broken(id, nil, ProtocolError)
	case h.Fault != nil && !s.pay(costTooLarge, CauseHeads):
		return s.calmDown()
	case s.isDoomed(id):
		s.forget(id)
		if !s.pay(costReset-costResetLate, CauseResets) { // the rest comes with the reset
			return s.calmDown()
		}
		return Event{Kind: Cancelled}
	}
	if p, ok := s.early.take(id); ok {
		h.Priority = p
	}
	s.lend(creditRequest)
	st := s.newStream(id)
	st.remote, st.length, st.Priority = s.blockEnd, h.Length, h.Priority
	return Event{Kind: Request, Stream: st, End: s.blockEnd}
}

// data acts on a DATA frame, whose header is at the front of b, and on its content as far as it
// has arrived. The header alone decides, so that the outcome does not depend on how the rest
// arrives. See RFC 9113, section 6.1.
//
//	b   │ header 9 │ [pad length] │ content …………… │ [padding] │
//	                               └─ s.left ──────┘└ s.skip ─┘   across as many calls as it takes
func (s *Session) data(b []byte, f frame) (int, Event) {
	n, size, pad := headerSize, f.length, 0
	if f.has(flagPadded) {
		switch n++; {
		case size == 0:
			return len(b), s.fatal(FrameSizeError)
		case len(b) < n:
			return 0, Event{}
		}
		if pad = int(b[headerSize]); pad >= size {
			return len(b), s.fatal(ProtocolError)
		}
		size -= 1 + pad
	}
	if f.id&1 == 0 || f.id > s.last {
		return len(b), s.fatal(ProtocolError)
	}
	// Section 6.9.1: padding counts too, and the connection's window counts for streams that
	// are gone.
	if s.receive -= f.length; s.receive < 0 {
		return len(b), s.fatal(FlowControlError)
	}
	// Given back at once: see the windows in session.go.
	if s.receive < connWindow/2 {
		s.Out = appendWindow(s.Out, 0, connWindow-s.receive)
		s.receive = connWindow
	}
	s.left, s.skip = 0, size+pad // unless the content is wanted
	ev := s.dataOf(f, size)
	switch {
	case ev.Kind == Fatal:
		return len(b), ev
	case ev.Kind != Data:
		return n, ev
	}
	if size == 0 {
		return n, ev
	}
	s.left, s.skip, s.reading, s.readingEnd = size, pad, ev.Stream, ev.End
	return s.content(b, n)
}

// dataOf decides about a DATA frame with size bytes of content.
func (s *Session) dataOf(f frame, size int) Event {
	st := s.find(f.id)
	switch {
	case st == nil && s.late(f.id):
		return s.ignored(1, CauseData)
	case st == nil, st.remote:
		return s.broken(f.id, st, StreamClosed)
	}
	if f.length > 0 && f.length > st.receive { // which is negative where acknowledged has made it so
		return s.broken(f.id, st, FlowControlError)
	}
	st.receive -= f.length
	end := f.has(flagEndStream)
	if size == 0 && !end && !s.pay(costEmpty, CauseData) {
		return s.calmDown()
	}
	st.got += int64(size)
	// RFC 9113, section 8.1.1. Content and Content-Length that disagree are request smuggling
	// once the request is HTTP/1.1 again ("H2.CL").
	if st.length >= 0 && (st.got > st.length || end && st.got != st.length) {
		return s.broken(f.id, st, ProtocolError)
	}
	st.remote = end
	// Padding is read as soon as it is dropped.
	if s.Read(st, f.length-size); size == 0 && !end {
		return Event{}
	}
	return Event{Kind: Data, Stream: st, End: end}
}

// content takes the part of a DATA frame that has arrived off b[n:].
func (s *Session) content(b []byte, n int) (int, Event) {
	p := b[n:]
	if s.left == 0 {
		k := min(len(p), s.skip)
		s.skip -= k
		return n + k, Event{}
	}
	p = p[:min(len(p), s.left)]
	if len(p) == 0 {
		return n, Event{}
	}
	ev := Event{Kind: Data, Stream: s.reading, Data: p}
	if s.left -= len(p); s.left == 0 {
		ev.End, s.reading = s.readingEnd, nil
	}
	return n + len(p), ev
}

// broken resets a stream because of the client's error. It pays for it, so that a client cannot
// make us reset streams without limit (MadeYouReset, CVE-2025-8671). st is nil if the caller
// does not have the stream, or no longer.
func (s *Session) broken(id uint32, st *Stream, code Code) Event {
	s.appendReset(id, code)
	if st != nil {
		st.ours = true
		s.away(st)
	}
	if !s.pay(costBroken, CauseErrors) {
		return s.calmDown()
	}
	return Event{Kind: Gone, Ours: true, Code: code, Cause: CauseErrors, Stream: st}
}

// ignored pays for a frame of a closed stream that may have been on its way when the stream was
// closed.
func (s *Session) ignored(cost int, cause Cause) Event {
	if !s.pay(cost, cause) {
		return s.calmDown()
	}
	return Event{}
}
