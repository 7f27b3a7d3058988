package edge

import (
	"container/list"
	"os"
	"sync"
	"time"
)

// turns are what handshakes are computed in: so many at once. Who waits is served in the order in which it came, but a
// handshake that continues before one that begins: otherwise a herd would be computed in step, and all would be late.
type turns struct {
	mu     sync.Mutex
	free   int
	queues [2]list.List // of chan struct{}; closed: the turn has come. First those that continue
}

// take waits for a turn, until by.
func (t *turns) take(begins bool, by time.Time) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	queue := &t.queues[0]
	if begins {
		queue = &t.queues[1]
	}
	turn := make(chan struct{})
	at := queue.PushBack(turn)
	t.mu.Unlock()
	late := time.NewTimer(time.Until(by))
	defer late.Stop()
	select {
	case <-turn:
		return nil
	case <-late.C:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-turn:
		return nil // it came just now
	default:
		queue.Remove(at)
		return os.ErrDeadlineExceeded
	}
}

// give gives a turn back, or to the next.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.queues {
		if first := t.queues[i].Front(); first != nil {
			close(t.queues[i].Remove(first).(chan struct{}))
			return
		}
	}
	t.free++
}
