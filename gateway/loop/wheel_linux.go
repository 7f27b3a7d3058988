package loop

import "time"

// This file is the loop's clock: one coarse wheel for every deadline. Moving a
// deadline is a store; the timer stays where it is and is looked at when its slot comes by,
// which is soon enough, because a deadline that moves usually moves away.

const (
	tick  = 50 * time.Millisecond
	slots = 512 // 25.6 s; a later deadline is looked at once in a while
)

// A timer is a deadline of a socket, or of a stream, which has none of its own.
type timer struct {
	socket *socket
	stream *stream

	deadline   int64 // in ticks; 0: none
	due        int64 // the tick at which the timer is looked at, if it is listed
	listed     bool
	prev, next *timer
}

// A wheel is a ring of lists of timers. Its zero value is ready.
type wheel struct {
	ring [slots]*timer
	at   int64 // the last tick that was looked at, or is being
}

// ticks converts a time since the loop's start.
func ticks(since time.Duration) int64 { return int64(since / tick) }

// set gives s a deadline, in ticks.
func (w *wheel) set(s *timer, deadline int64) {
	s.deadline = deadline
	if s.listed && s.due <= deadline {
		return // it will be looked at in time
	}
	w.remove(s)
	w.insert(s)
}

// clear takes the deadline of s away.
func (w *wheel) clear(s *timer) { s.deadline = 0 }

// insert puts s where its deadline is, but never into the list that is being looked at.
func (w *wheel) insert(s *timer) {
	s.due = min(max(s.deadline, w.at+1), w.at+slots-1)
	head := &w.ring[s.due%slots]
	s.prev, s.next, s.listed = nil, *head, true
	if s.next != nil {
		s.next.prev = s
	}
	*head = s
}

// remove takes s off the wheel.
func (w *wheel) remove(s *timer) {
	if !s.listed {
		return
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		w.ring[s.due%slots] = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next, s.listed = nil, nil, false
}

// advance calls expired for each timer whose deadline has come by now, in ticks. expired may set
// and remove any timer.
func (w *wheel) advance(now int64, expired func(*timer)) {
	w.at = max(w.at, now-slots) // after a long pause one turn sees everybody
	for w.at < now {
		w.at++
		for s := w.ring[w.at%slots]; s != nil; s = w.ring[w.at%slots] {
			w.remove(s)
			switch {
			case s.deadline == 0:
			case s.deadline <= now:
				s.deadline = 0
				expired(s)
			default:
				w.insert(s)
			}
		}
	}
}
