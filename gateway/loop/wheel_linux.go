package loop

import "time"

// This file is the loop's clock: one coarse wheel for every deadline. Moving a deadline is a
// store; the timer stays in its list and is looked at when its slot is reached, which is soon
// enough, because a deadline that moves usually moves away.
//
//	tick (50 ms)    at                                         at + 511
//	ring            │ slot │ slot │ slot │ … 512 slots, 25.6 s … │ slot │ and around again
//	                           │
//	                           └─► timer ⇄ timer ⇄ timer     due in this tick
//
//	deadline        now + 30 s by a request                        one store: deadline
//	                slot reached, deadline later                   insert again, further on
//	                slot reached, deadline passed                  expired
//	                slot reached, deadline 0                       out of the list, nothing else
//
//	set, clear      O(1)      insert, remove   O(1), doubly linked      advance   O(timers that are due)
//
// A heap costs O(log n) for each change, and every request changes a deadline; a timer of the
// runtime for each socket takes locks and a goroutine. The price here is precision: a deadline
// is noticed up to a tick late.

const (
	tick  = 50 * time.Millisecond
	slots = 512 // 25.6 s; a later deadline is looked at once in a while
)

// A timer is a deadline of a socket, or of a stream, which has no socket itself. It is part of
// its owner's memory: the wheel allocates nothing.
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

// set gives s a deadline, in ticks. Only a deadline that is earlier than the tick at which the
// timer is due moves it to another list.
func (w *wheel) set(s *timer, deadline int64) {
	s.deadline = deadline
	if s.listed && s.due <= deadline {
		return // it will be looked at in time
	}
	w.remove(s)
	w.insert(s)
}

// clear removes the deadline of s. The timer stays in its list and is taken off when it is due.
func (w *wheel) clear(s *timer) { s.deadline = 0 }

// insert puts s in the list of its deadline, but never in the one that is being looked at,
// which would not end; a deadline beyond the wheel is looked at after one turn.
func (w *wheel) insert(s *timer) {
	s.due = min(max(s.deadline, w.at+1), w.at+slots-1)
	head := &w.ring[s.due%slots]
	s.prev, s.next, s.listed = nil, *head, true
	if s.next != nil {
		s.next.prev = s
	}
	*head = s
}

// remove takes s out of its list.
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

// advance calls expired for each timer whose deadline has come by now, in ticks. expired may
// set and remove any timer, which is why each step begins at the head of the list.
func (w *wheel) advance(now int64, expired func(*timer)) {
	w.at = max(w.at, now-slots) // after a long pause one turn sees every timer
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
