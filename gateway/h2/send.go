package h2

// This file writes responses as frames.

// AppendHead sends the head of a response: text is the HTTP/1.1 head, with its empty line.
// Interim responses (1xx) may come before it. Fields that belong to a connection are left out
// (RFC 9113, section 8.2.2). With end, there is no content.
func (s *Session) AppendHead(st *Stream, text []byte, end bool) {
	if st.gone || st.local {
		return
	}
	st.begun = st.begun || len(text) > 9 && text[9] != '1'
	at := s.openHeaders(st, end)
	s.Out = s.encoder.AppendHead(s.Out, text)
	s.closeHeaders(at, st.ID)
}

// AppendAnswer sends the head of a response whose text ends with its content, if any, and
// returns how many bytes the head takes. If that is all of text, the response ends with it.
func (s *Session) AppendAnswer(st *Stream, text []byte) (head int) {
	if st.gone || st.local {
		return len(text)
	}
	st.begun = true
	at := s.openHeaders(st, false)
	s.Out, head = s.encoder.appendHead(s.Out, text)
	if head == len(text) {
		s.Out[at+4] |= flagEndStream
		st.local = true
	}
	s.closeHeaders(at, st.ID)
	return head
}

// AppendTrailers ends a response with a trailer section: lines are HTTP/1.1 field lines,
// without an empty line.
func (s *Session) AppendTrailers(st *Stream, lines []byte) {
	if st.gone || st.local {
		return
	}
	at := s.openHeaders(st, true)
	s.Out = s.encoder.AppendLines(s.Out, lines)
	s.closeHeaders(at, st.ID)
}

// openHeaders begins a HEADERS frame, whose length closeHeaders writes: the block is encoded in
// place.
func (s *Session) openHeaders(st *Stream, end bool) (at int) {
	flags := uint8(flagEndHeaders)
	if end {
		flags |= flagEndStream
		st.local = true
	}
	at = len(s.Out)
	s.Out = appendFrame(s.Out, 0, frameHeaders, flags, st.ID)
	return at
}

// closeHeaders writes the size of the block that begins at at into its frame. A block that is
// too large for one frame continues in CONTINUATION frames, which nothing may interrupt (RFC
// 9113, section 6.10): they are appended at once.
func (s *Session) closeHeaders(at int, id uint32) {
	n := len(s.Out) - at - headerSize
	putLength(s.Out[at:], min(n, maxFrame))
	if n <= maxFrame {
		return
	}
	s.Out[at+4] &^= flagEndHeaders
	rest := append([]byte(nil), s.Out[at+headerSize+maxFrame:]...) // rare
	s.Out = s.Out[:at+headerSize+maxFrame]
	for len(rest) > 0 {
		n, flags := min(len(rest), maxFrame), uint8(0)
		if n == len(rest) {
			flags = flagEndHeaders
		}
		s.Out = append(appendFrame(s.Out, n, frameContinuation, flags, id), rest[:n]...)
		rest = rest[n:]
	}
}

// putLength writes a frame's length into its header.
func putLength(header []byte, n int) {
	header[0], header[1], header[2] = byte(n>>16), byte(n>>8), byte(n)
}

// Window returns how much content AppendData would take now.
func (s *Session) Window(st *Stream) int {
	if st.gone {
		return 0
	}
	return int(max(0, min(st.send, s.send)))
}

// AppendData sends content, as much of p as the windows let through (RFC 9113, section 6.9.1),
// and returns the rest. With end, the response ends with p: then it has ended if the rest is
// empty. An empty frame with END_STREAM needs no window.
func (s *Session) AppendData(st *Stream, p []byte, end bool) (rest []byte) {
	if st.gone || st.local {
		return nil
	}
	for {
		n := min(len(p), maxFrame, s.Window(st))
		if n == 0 && (len(p) > 0 || !end) {
			return p
		}
		flags := uint8(0)
		if end && n == len(p) {
			flags, st.local = flagEndStream, true
		}
		s.Out = append(appendFrame(s.Out, n, frameData, flags, st.ID), p[:n]...)
		st.send -= int64(n)
		s.send -= int64(n)
		s.lend(creditFrame + n>>creditBytes)
		if p = p[n:]; len(p) == 0 {
			return nil
		}
	}
}
