package h2

import (
	"bytes"
)

// A Priority says how soon a client wants a response. See RFC 9218, section 4.
type Priority struct {
	Urgency     uint8 // 0 is the most urgent, 7 the least
	Incremental bool  // parts of the response are of use
	Told        bool  // the client has said so
}

var defaultPriority = Priority{Urgency: 3}

// ParsePriority returns what a priority field value says.
func ParsePriority(v []byte) Priority {
	p := defaultPriority
	p.Told = true
	p.update(v)
	return p
}

// update changes p as a priority field says. Of a dictionary of structured fields (RFC 8941,
// section 3.2) it reads the members u and i; a member that it cannot read changes nothing (RFC
// 9218, section 4).
func (p *Priority) update(v []byte) {
	for len(v) > 0 {
		member := v
		if comma := bytes.IndexByte(v, ','); comma >= 0 {
			member, v = v[:comma], v[comma+1:]
		} else {
			v = nil
		}
		member = bytes.Trim(member, " \t")
		if semicolon := bytes.IndexByte(member, ';'); semicolon >= 0 {
			member = member[:semicolon] // parameters
		}
		switch {
		case len(member) == 3 && member[0] == 'u' && member[1] == '=' && member[2]-'0' < 8:
			p.Urgency, p.Told = member[2]-'0', true
		case string(member) == "i", string(member) == "i=?1":
			p.Incremental, p.Told = true, true
		case string(member) == "i=?0":
			p.Incremental, p.Told = false, true
		}
	}
}

// early keeps the PRIORITY_UPDATE frames of streams that have not begun: a client may send one
// right before its HEADERS. Four are enough for that, and a flood of them displaces only its
// own. See RFC 9218, section 7.1.
type early [4]struct {
	id uint32
	Priority
}

// put keeps p for a stream. If there is no room it replaces the oldest.
func (e *early) put(id uint32, p Priority) {
	for i := range e {
		if e[i].id == id {
			e[i].Priority = p
			return
		}
	}
	copy(e[:], e[1:])
	e[len(e)-1].id, e[len(e)-1].Priority = id, p
}

// take removes and returns the priority that is kept for a stream, if there is one.
func (e *early) take(id uint32) (Priority, bool) {
	for i := range e {
		if e[i].id == id {
			e[i].id = 0
			return e[i].Priority, true
		}
	}
	return Priority{}, false
}

// priorityUpdate acts on a PRIORITY_UPDATE frame. See RFC 9218, section 7.1.
func (s *Session) priorityUpdate(f frame, p []byte) Event {
	switch {
	case f.id != 0:
		return s.fatal(ProtocolError)
	case len(p) < 4:
		return s.fatal(FrameSizeError)
	}
	id := frameID(p)
	if id == 0 || id&1 == 0 { // no response is pushed
		return s.fatal(ProtocolError)
	}
	if !s.spend(1, CausePriority) {
		return s.calmDown()
	}
	priority := ParsePriority(p[4:])
	switch st := s.find(id); {
	case st != nil:
		st.Priority = priority
	case id > s.last:
		s.early.put(id, priority)
	}
	return Event{}
}
