package h2

import "encoding/binary"

// This file acts on the frames of streams and of the connection other than requests and
// content. Each function begins with the checks that RFC 9113 asks for, in the order of its
// section: the stream identifier, the length, then the state. An error of the connection is
// Fatal; an error of a stream resets it (section 5.4).

// clientReset acts on a RST_STREAM frame. See RFC 9113, section 6.4. A stream that has no
// response yet costs more: that is where a reset saves the attacker the wait and leaves us the
// work.
func (s *Session) clientReset(f frame, p []byte) Event {
	if len(p) != 4 {
		return s.fatal(FrameSizeError)
	}
	if f.id&1 == 0 || f.id > s.last {
		return s.fatal(ProtocolError)
	}
	code := Code(binary.BigEndian.Uint32(p))
	s.o.Counts.reset(Client, code)
	st, cost := s.find(f.id), costResetLate
	if st != nil && !st.begun {
		cost = costReset
	}
	if !s.pay(cost, CauseResets) {
		return s.calmDown()
	}
	if st == nil {
		return Event{}
	}
	s.away(st)
	return Event{Kind: Gone, Code: code, Stream: st}
}

// window acts on a WINDOW_UPDATE frame. See RFC 9113, section 6.9.
func (s *Session) window(f frame, p []byte) Event {
	if len(p) != 4 {
		return s.fatal(FrameSizeError)
	}
	if f.id > s.last || f.id > 0 && f.id&1 == 0 {
		return s.fatal(ProtocolError)
	}
	by := int64(frameID(p))
	if f.id > 0 {
		return s.streamWindow(f.id, by)
	}
	if by == 0 {
		return s.fatal(ProtocolError)
	}
	if s.send+by > maxWindow {
		return s.fatal(FlowControlError)
	}
	s.send += by
	if !s.spend(1, CauseWindow) {
		return s.calmDown()
	}
	return Event{Kind: Sendable}
}

// streamWindow acts on a WINDOW_UPDATE frame of a stream. An increment of 0 and a window above
// 2³¹-1 are errors of the stream (RFC 9113, sections 6.9 and 6.9.1), for the connection they
// are its end. On a closed stream the frame is ignored: it was sent before the client knew.
func (s *Session) streamWindow(id uint32, by int64) Event {
	st := s.find(id)
	switch {
	case st == nil:
	case by == 0:
		return s.broken(id, st, ProtocolError)
	case st.send+by > maxWindow:
		return s.broken(id, st, FlowControlError)
	}
	if !s.spend(1, CauseWindow) {
		return s.calmDown()
	}
	if st == nil {
		return Event{}
	}
	st.send += by
	return Event{Kind: Sendable, Stream: st}
}

// ping acts on a PING frame. See RFC 9113, section 6.7.
func (s *Session) ping(f frame, p []byte) Event {
	switch {
	case len(p) != 8:
		return s.fatal(FrameSizeError)
	case f.id != 0:
		return s.fatal(ProtocolError)
	case f.has(flagAck) && s.pings > 0:
		s.pings--
		return Event{}
	case !s.spend(1, CausePing):
		return s.calmDown()
	case !f.has(flagAck):
		s.Out = append(appendFrame(s.Out, 8, framePing, flagAck, 0), p...)
	}
	return Event{}
}

// priority checks a PRIORITY frame, whose content is ignored: RFC 9113, section 5.3.2,
// deprecates that scheme, and SETTINGS_NO_RFC7540_PRIORITIES says so. See RFC 9113, section
// 6.3.
func (s *Session) priority(f frame, p []byte) Event {
	if f.id == 0 {
		return s.fatal(ProtocolError)
	}
	st := s.find(f.id)
	switch {
	case len(p) != 5 && f.id > s.last: // nothing can be said on a stream that has not begun
		return s.fatal(FrameSizeError)
	case len(p) != 5:
		return s.broken(f.id, st, FrameSizeError)
	case frameID(p) == f.id: // RFC 7540, section 5.3.1
		return s.fatal(ProtocolError)
	case !s.spend(1, CausePriority):
		return s.calmDown()
	}
	return Event{}
}

// clientLeaves acts on a GOAWAY frame: it may still have requests under way. See RFC 9113,
// section 6.8.
func (s *Session) clientLeaves(f frame, p []byte) Event {
	switch {
	case f.id != 0:
		return s.fatal(ProtocolError)
	case len(p) < 8:
		return s.fatal(FrameSizeError)
	case !s.pay(costGoAway, CauseUnknown):
		return s.calmDown()
	}
	s.o.Counts.goAway(Client, Code(binary.BigEndian.Uint32(p[4:])))
	return Event{}
}

// settings acts on a SETTINGS frame. See RFC 9113, section 6.5.
func (s *Session) settings(f frame, p []byte) Event {
	switch {
	case f.id != 0:
		return s.fatal(ProtocolError)
	case f.has(flagAck):
		return s.acknowledged(p)
	case len(p)%6 != 0:
		return s.fatal(FrameSizeError)
	case len(p) > 6*settingsAFrame:
		return s.tooMuch(CauseSettings)
	case s.set && !s.pay(costSettings, CauseSettings):
		return s.calmDown()
	}
	s.set = true
	ev := Event{}
	for ; len(p) > 0; p = p[6:] {
		id, v := binary.BigEndian.Uint16(p), binary.BigEndian.Uint32(p[2:])
		if code := s.setting(id, v); code != NoError {
			return s.fatal(code)
		}
		if id == settingWindow {
			ev.Kind = Sendable
		}
	}
	s.Out = appendFrame(s.Out, 0, frameSettings, flagAck, 0)
	return ev
}

// setting acts on one setting. Unknown ones are ignored: RFC 9113, section 6.5.2.
func (s *Session) setting(id uint16, v uint32) Code {
	switch id {
	case settingTableSize:
		s.encoder.Limit(v)
	case settingPush, settingConnect, settingNoPriorities:
		if v > 1 {
			return ProtocolError
		}
	case settingFrameSize:
		if v < maxFrame || v > 1<<24-1 {
			return ProtocolError
		}
	case settingWindow:
		if v > maxWindow {
			return FlowControlError
		}
		// RFC 9113, section 6.9.2: the change applies to open streams, whose windows may become
		// negative.
		by := int64(v) - s.firstSend
		s.firstSend = int64(v)
		for st := range s.All() {
			if st.send+by > maxWindow {
				return FlowControlError
			}
			st.send += by
		}
	}
	return NoError
}

// acknowledged acts on the acknowledgement of settings (RFC 9113, section 6.5.3). From the
// first on, the client's streams begin with streamWindow; the windows of open streams shrink by
// the difference.
func (s *Session) acknowledged(p []byte) Event {
	switch {
	case len(p) > 0:
		return s.fatal(FrameSizeError)
	case s.acked:
		if !s.pay(costSettings, CauseSettings) { // we sent one SETTINGS frame only
			return s.calmDown()
		}
		return Event{}
	}
	s.acked = true
	for st := range s.All() {
		st.receive -= firstWindow - streamWindow
	}
	return Event{}
}
