package h2

import (
	"encoding/binary"
	"iter"
)

// A Stream is one request with its response. It belongs to its session and is reused for
// another request after Close, Done or Reset. Its states are those of RFC 9113, section 5.1; a
// server that does not push has neither of the reserved ones:
//
//	state                  here                          a frame from the client
//	idle                   id > s.last, no Stream        HEADERS opens it; others PROTOCOL_ERROR
//	open                   !remote, !local               anything
//	half-closed (remote)   remote                        DATA, HEADERS: STREAM_CLOSED
//	half-closed (local)    local                         content is not wanted: Done resets
//	closed                 gone, or no Stream            late: ignored; else STREAM_CLOSED
//
//	        HEADERS                  END_STREAM from the client
//	idle ─────────────► open ─────────────────────────────────► half-closed (remote)
//	                      │ RST_STREAM, either way                       │ our END_STREAM
//	                      └────────────────────► closed ◄────────────────┘
type Stream struct {
	ID       uint32
	Priority Priority
	Owner    any // the caller's

	send    int64 // the window; it may be negative
	receive int   // the client's window; it may be negative, too
	used    int   // bytes that were read and not yet given back as window
	length  int64 // of content, as Content-Length says; -1: it does not
	got     int64 // of it
	remote  bool  // the client has ended its side
	local   bool  // we have ended ours
	begun   bool  // the head of the response, and not of an interim one, was sent
	gone    bool  // reset; the caller must close it
	ours    bool  // we have reset it
	wide    bool  // see Widen
	next    *Stream
}

// Ended reports whether the client has ended its side: with its request, or with the last of
// its content or the trailers.
func (st *Stream) Ended() bool { return st.remote }

// Gone reports whether the stream was reset. Nothing can be sent on it any more.
func (st *Stream) Gone() bool { return st.gone }

// freeStreams is how many closed streams a Scratch keeps for reuse.
const freeStreams = 256

// newStream adds a stream. Until the client acknowledges our SETTINGS it may count with the
// initial window of 65 535 bytes: RFC 9113, section 6.9.2.
func (s *Session) newStream(id uint32) *Stream {
	st := s.scratch.free
	if st != nil {
		s.scratch.free = st.next
		s.scratch.frees--
	} else {
		st = &Stream{}
	}
	*st = Stream{ID: id, send: s.firstSend, receive: streamWindow, next: *s.bucket(id)}
	if !s.acked {
		st.receive = firstWindow
	}
	*s.bucket(id) = st
	s.count(1)
	return st
}

// count notes that streams have opened or closed.
func (s *Session) count(by int) {
	s.open += by
	if n := s.o.Streams; n != nil {
		n.Add(int64(by))
	}
}

// bucket returns the list that a stream is in. Identifiers of clients are odd, so the lowest
// bit says nothing.
func (s *Session) bucket(id uint32) **Stream { return &s.streams[id>>1&15] }

// find returns a stream that is not closed, nor gone.
func (s *Session) find(id uint32) *Stream {
	if st := s.look(id); st != nil && !st.gone {
		return st
	}
	return nil
}

// look returns a stream, also one that is gone, or nil.
func (s *Session) look(id uint32) *Stream {
	st := *s.bucket(id)
	for st != nil && st.ID != id {
		st = st.next
	}
	return st
}

// appendReset resets a stream. Frames for it may still be on their way.
func (s *Session) appendReset(id uint32, code Code) {
	s.Out = appendReset(s.Out, id, code)
	s.forget(id)
	s.o.Counts.reset(Gateway, code)
}

// forget remembers that a stream was reset: frames for it may still be on their way. See late.
func (s *Session) forget(id uint32) {
	s.reset[s.resets%uint8(len(s.reset))] = id
	s.resets++
}

// late reports whether a frame for a closed stream may have been on its way when we reset the
// stream, or sent GOAWAY. RFC 9113, section 5.1, has such frames ignored for a while; all
// others are STREAM_CLOSED. Only the last 32 resets are remembered, which bounds the memory,
// and each ignored frame costs.
func (s *Session) late(id uint32) bool {
	if s.final > 0 && id > s.final {
		return true
	}
	if st := s.look(id); st != nil {
		return st.ours
	}
	for _, r := range s.reset {
		if r == id {
			return true
		}
	}
	return false
}

// away marks a stream as reset: no frame of the client reaches it any more. The rest of a DATA
// frame that is being read is skipped.
func (s *Session) away(st *Stream) {
	st.gone = true
	if s.reading == st {
		s.reading, s.skip, s.left = nil, s.skip+s.left, 0
	}
}

// All ranges over the streams, also those that are Gone. The loop may close the stream that it
// was given.
func (s *Session) All() iter.Seq[*Stream] {
	return func(yield func(*Stream) bool) {
		for _, st := range s.streams {
			for st != nil {
				next := st.next
				if !yield(st) {
					return
				}
				st = next
			}
		}
	}
}

// Close frees a stream that is Gone, or whose connection has ended.
func (s *Session) Close(st *Stream) {
	s.away(st)
	p := s.bucket(st.ID)
	for *p != st {
		p = &(*p).next
	}
	*p = st.next
	s.count(-1)
	if st.wide {
		s.wide--
	}
	st.Owner, st.next = nil, nil
	if c := s.scratch; c != nil && c.frees < freeStreams {
		st.next = c.free
		c.free = st
		c.frees++
	}
}

// Done closes a stream whose response is all in Out. If the client still sends content it is
// reset with NO_ERROR, which asks it to stop (RFC 9113, section 8.1).
func (s *Session) Done(st *Stream) {
	switch {
	case st.gone:
	case !st.remote:
		s.Reset(st, NoError)
		return
	default:
		// A request that was served to its end earns back what an abuse costs.
		s.calm.left = min(s.calm.left+1, calmFull)
	}
	s.Close(st)
}

// Reset resets a stream and closes it.
func (s *Session) Reset(st *Stream, code Code) {
	if !st.gone {
		s.appendReset(st.ID, code)
	}
	s.Close(st)
}

// Cancel resets a stream whose owner must still close it: it is Gone.
func (s *Session) Cancel(st *Stream, code Code) {
	if !st.gone {
		s.appendReset(st.ID, code)
		st.ours = true
		s.away(st)
	}
}

// Read gives the window of content that was used back to the client, in halves of the window:
// one WINDOW_UPDATE for each 8 KiB rather than for each frame. It is the backpressure: a caller
// that does not read stops the client.
func (s *Session) Read(st *Stream, n int) {
	if n == 0 || st.gone || st.remote {
		return
	}
	window := streamWindow
	if st.wide {
		window = wideWindow
	}
	if st.used += n; st.used >= window/2 {
		s.Out = appendWindow(s.Out, st.ID, st.used)
		st.receive += st.used
		st.used = 0
	}
}

// Widen gives the client a larger window for content that is being read, unless too many
// streams have one already. An upload over 50 ms of network needs 256 KiB in flight for 5 MB/s;
// most requests have no content, and need no window.
func (s *Session) Widen(st *Stream) {
	if st.wide || st.gone || st.remote || s.wide == wideStreams {
		return
	}
	st.wide = true
	s.wide++
	s.Out = appendWindow(s.Out, st.ID, wideWindow-streamWindow)
	st.receive += wideWindow - streamWindow
}

// Leave tells the client to open no more streams. Those on their way are served, and open ones
// continue. It is the first of two steps, since a client may have sent requests before it
// learns of GOAWAY; Last is the other. See RFC 9113, section 6.8.
func (s *Session) Leave() {
	if !s.leaving {
		s.goAway(maxWindow, NoError)
	}
}

// Last tells the client which stream is the last one that is served. Later ones are ignored and
// may be retried elsewhere.
func (s *Session) Last(code Code) {
	if s.final == 0 && !s.over {
		s.final = max(s.last, 1)
		s.goAway(s.last, code)
	}
}

// Ping asks the client for a sign of life: any frame is one. See RFC 9113, section 6.7.
func (s *Session) Ping() {
	s.pings++
	s.Out = binary.BigEndian.AppendUint64(appendFrame(s.Out, 8, framePing, 0, 0), uint64(s.pings))
}

// Scan notes the streams that are reset in b, which begins where Next continues, so that no
// work is begun for requests that are already cancelled. With rapid reset (CVE-2023-44487)
// HEADERS and RST_STREAM arrive together: such a request costs its decoding, and never reaches
// an upstream.
func (s *Session) Scan(b []byte) {
	c := s.scratch
	c.of, c.dooms = s, 0
	if !s.greeted {
		return
	}
	at := s.left + s.skip
	for len(b)-at >= headerSize && c.dooms < len(c.doomed) {
		f := frameOf(b[at:])
		if f.kind == frameReset && f.id > s.last {
			c.doomed[c.dooms] = f.id
			c.dooms++
		}
		at += headerSize + f.length
	}
}

// isDoomed reports whether Scan has seen the reset of a stream.
func (s *Session) isDoomed(id uint32) bool {
	c := s.scratch
	if c.of != s {
		return false
	}
	for _, d := range c.doomed[:c.dooms] {
		if d == id {
			return true
		}
	}
	return false
}
