//go:build linux

package loop

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// Inside runs f on the loop's goroutine and waits for it. It reports false if the loop has ended.
func (l *Loop) Inside(f func()) bool {
	done := make(chan struct{})
	if !l.Post(func() { f(); close(done) }) {
		return false
	}
	<-done
	return true
}

// Counts are what a loop has in hand. Made on its goroutine, or after its end.
type Counts struct{ Clients, Idle, Queued, Exchanges, Saved, Resting int }

// Counts returns what the loop has in hand now.
func (l *Loop) Counts() Counts {
	n := Counts{Clients: l.Clients(), Exchanges: len(l.free)}
	for _, p := range l.ups.of {
		n.Idle += len(p.idle)
	}
	for _, s := range l.sockets {
		if s != nil && s.client != nil {
			n.Saved += len(s.client.saved) + len(s.client.unsent) - s.client.sent
			if h := s.client.hold; h != nil && h.place != nil {
				n.Queued++
			}
		}
	}
	for _, a := range l.accept.all {
		if a.interest == 0 {
			n.Resting++
		}
	}
	return n
}

// Skip makes the loop believe, from its next turn on, that d has passed since. It is called on its goroutine.
func (l *Loop) Skip(d time.Duration) {
	l.start, l.now, l.nextDue = l.start.Add(-d), l.now.Add(-d), l.nextDue.Add(-d)
	l.file.SetReadDeadline(l.nextDue) // as in look
}

// MostAhead is how much a loop may hold of one response: what is read ahead, one read more, and how it is framed.
const MostAhead = aheadOfClient + readBuffer + 4<<10

// Ahead returns how much is read ahead for all clients of all loops.
func Ahead() int64 { return allAhead.bytes.Load() }

// SetMostAhead replaces what that may be, and returns what it was.
func SetMostAhead(n int64) int64 { return allAhead.most.Swap(n) }

// SetEndedWait replaces edge.HalfClosedWait. It must be called before Run.
func (l *Loop) SetEndedWait(d time.Duration) { l.ended = d }

// DrainHere is Drain on the loop's goroutine.
func (l *Loop) DrainHere() { l.drain(edge.Grace) }

// HasControl is hasControl.
var HasControl = hasControl

// TurnsToLook returns how many turns a look at so many sockets takes, and how many are looked at in a turn.
func TurnsToLook(sockets int) (turns, each int) {
	l := &Loop{reactor: reactor{sockets: make([]*socket, sockets)}}
	l.inTurns(func(from int) (next int) {
		turns++
		return l.partials(0, from, nil)
	})
	return turns, lookATurn
}
