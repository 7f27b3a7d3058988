package h2

import (
	"cmp"
	"slices"
)

// Share is the amount of content that a caller of Session.Share should send of one stream at a
// time, in bytes.
const Share = 16 << 10

// alternates reports whether responses of this priority are sent in turn with others of the
// same urgency. A client that does not say gets the fair share that it would get over separate
// connections; one that says that parts of a response are not useful gets whole responses
// sooner. See RFC 9218, section 10.
func (p Priority) alternates() bool { return p.Incremental || !p.Told }

// Share has streams send content in the order of their priorities. send sends some of one
// stream, about Share bytes, and reports whether it could send more; it may close the stream if
// it returns false. Share returns when no stream can send any more, or when room returns false,
// and continues from there the next time. It reorders streams.
//
//	urgency 0: a, b, c alternate            a b c a b c …
//	urgency 3: d, e not incremental         d d d …, then e e e …
//	           with g, which is             d g d g …, then e g e g …
//
// Streams of the same urgency take turns, but of those that do not alternate only the one that
// was opened first takes part, until it has no more to send.
func (s *Session) Share(streams []*Stream, room func() bool, send func(*Stream) bool) {
	s.order(streams)
	for len(streams) > 0 {
		urgency, n := streams[0].Priority.Urgency, 1
		for n < len(streams) && streams[n].Priority.Urgency == urgency {
			n++
		}
		for group := streams[:n]; len(group) > 0; {
			more, held := group[:0], false
			for _, st := range group {
				if !room() {
					return
				}
				id, alternates := st.ID, st.Priority.alternates()
				switch {
				case held && !alternates:
					more = append(more, st)
				case send(st):
					more = append(more, st)
					held = held || !alternates
					s.turns[urgency] = id
				}
			}
			group = more
		}
		streams = streams[n:]
	}
}

// order sorts streams by urgency, and within one so that the stream after the one that sent
// last is first:
//
//	place   │ urgency │ waits for an earlier one of its kind │ distance from the last turn │
//	         bits 33+          bit 32                            bits 0–31, modulo 2³²
func (s *Session) order(streams []*Stream) {
	var first [8]uint32 // of the streams of each urgency that do not alternate
	for _, st := range streams {
		if u := st.Priority.Urgency; !st.Priority.alternates() && (first[u] == 0 || st.ID < first[u]) {
			first[u] = st.ID
		}
	}
	place := func(st *Stream) uint64 {
		u := st.Priority.Urgency
		at := uint64(u) << 33
		if !st.Priority.alternates() && st.ID != first[u] {
			return at | 1<<32 | uint64(st.ID)
		}
		return at | uint64(st.ID-s.turns[u]-1) // those above turns[u] first
	}
	slices.SortFunc(streams, func(a, b *Stream) int { return cmp.Compare(place(a), place(b)) })
}
