package edge

import (
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/pipe"
)

// This file is the pipes of a server as a Reliever: content that waits behind a slow upstream, or a long queue, in the window that its
// stream has. A client may have as many streams as it likes connections.

// pipes are those that are served.
type pipes struct {
	mu  sync.Mutex
	all map[*pipe.Pipe]struct{}
}

func (a *pipes) add(p *pipe.Pipe) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = make(map[*pipe.Pipe]struct{})
	}
	a.all[p] = struct{}{}
}

func (a *pipes) remove(p *pipe.Pipe) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.all, p)
}

// Held is part of Reliever.
func (a *pipes) Held(age time.Duration, h *Held) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range a.all {
		h.Add(p.Waiting(age))
	}
}

// Relieve is part of Reliever.
func (a *pipes) Relieve(age time.Duration, least int, most int64) (ended int, freed int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range a.all {
		if freed >= most {
			break
		}
		if n := p.Relieve(age, least, FaultMemory); n > 0 {
			ended, freed = ended+1, freed+int64(n)
		}
	}
	return ended, freed
}
