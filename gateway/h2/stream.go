package h2

import (
	"encoding/binary"
	"iter"
)

// A Stream is one request with its response. It belongs to its session and is used again for another request after Close,
// Done or Reset.
type Stream struct {
	ID       uint32
	Priority Priority
	Owner    any // the caller's

	send    int64 // the window; it may be negative
	receive int   // the client's window, likewise
	used    int   // bytes that were read and not given back
	length  int64 // of content, -1 if nobody has said
	got     int64 // of it
	remote  bool  // the client has ended its side
	local   bool  // we have ended ours
	begun   bool  // the head of the response, and not of an interim one, was sent
	gone    bool  // reset; the caller has to close it
	ours    bool  // we have reset it
	wide    bool  // see Widen
	next    *Stream
}

// Ended reports whether the client has ended its side: with its request, or with the last of its content or the trailers.
func (st *Stream) Ended() bool { return st.remote }

// Gone reports whether the stream was reset. Nothing can be sent on it any more.
func (st *Stream) Gone() bool { return st.gone }

const freeStreams = 256 // that a Scratch keeps

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

func (s *Session) bucket(id uint32) **Stream { return &s.streams[id>>1&15] }

// find returns a stream that is not closed, nor gone.
func (s *Session) find(id uint32) *Stream {
	if st := s.look(id); st != nil && !st.gone {
		return st
	}
	return nil
}

func (s *Session) look(id uint32) *Stream {
	st := *s.bucket(id)
	for st != nil && st.ID != id {
		st = st.next
	}
	return st
}

// appendReset resets a stream, of which more may be on its way.
func (s *Session) appendReset(id uint32, code Code) {
	s.Out = appendReset(s.Out, id, code)
	s.forget(id)
	s.o.Counts.reset(Gateway, code)
}

// forget notes that a stream was reset: more of it may be on its way.
func (s *Session) forget(id uint32) {
	s.reset[s.resets%uint8(len(s.reset))] = id
	s.resets++
}

// late reports whether what comes for a closed stream may have been on its way when we reset it, or sent GOAWAY. Only the
// last resets are remembered.
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

// away takes a stream that was reset out of what the client can speak of.
func (s *Session) away(st *Stream) {
	st.gone = true
	if s.reading == st {
		s.reading, s.skip, s.left = nil, s.skip+s.left, 0
	}
}

// All ranges over the streams, also those that are Gone. Each of them may be closed meanwhile.
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

// Close takes leave of a stream that is Gone, or whose connection has ended.
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

// Done closes a stream whose response is all in Out. If the client still sends content it is told that nobody wants it. See
// RFC 9113, section 8.1.
func (s *Session) Done(st *Stream) {
	switch {
	case st.gone:
	case !st.remote:
		s.Reset(st, NoError)
		return
	default:
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

// Cancel resets a stream that its owner has yet to close: it is Gone.
func (s *Session) Cancel(st *Stream, code Code) {
	if !st.gone {
		s.appendReset(st.ID, code)
		st.ours = true
		s.away(st)
	}
}

// Read gives the window of content that was used back to the client.
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

// Widen gives the client a larger window for content that somebody reads, if not too many streams have one.
func (s *Session) Widen(st *Stream) {
	if st.wide || st.gone || st.remote || s.wide == wideStreams {
		return
	}
	st.wide = true
	s.wide++
	s.Out = appendWindow(s.Out, st.ID, wideWindow-streamWindow)
	st.receive += wideWindow - streamWindow
}

// Leave tells the client to open no more streams. Those on their way are served, and those that are open go on. It is the
// first of two steps; Last is the other. See RFC 9113, section 6.8.
func (s *Session) Leave() {
	if !s.leaving {
		s.goAway(maxWindow, NoError)
	}
}

// Last tells the client which stream is the last that is served.
func (s *Session) Last(code Code) {
	if s.final == 0 && !s.over {
		s.final = max(s.last, 1)
		s.goAway(s.last, code)
	}
}

// Ping asks the client for a sign of life: any frame is one.
func (s *Session) Ping() {
	s.pings++
	s.Out = binary.BigEndian.AppendUint64(appendFrame(s.Out, 8, framePing, 0, 0), uint64(s.pings))
}

// Scan notes the streams that are reset in b, which begins where Next goes on, so that no work is begun for those whose
// request is in b, too.
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
