package auth

import (
	"sync/atomic"
	"time"
)

// A pool bounds how many signatures are verified at once, to a half of the processors: the other is left to what is known
// already, however many bad tokens come. Those that wait for longer than they should, or are too many, are sent away.
type pool struct {
	places  chan struct{}
	waiting atomic.Int64
}

const (
	maxVerifyWait  = time.Second
	maxVerifyQueue = 4096
)

func newPool(n int) *pool { return &pool{places: make(chan struct{}, n)} }

// enter waits for a place. It reports false if there is none in time.
func (p *pool) enter() bool {
	select {
	case p.places <- struct{}{}:
		return true
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxVerifyQueue {
		return false
	}
	late := time.NewTimer(maxVerifyWait)
	defer late.Stop()
	select {
	case p.places <- struct{}{}:
		return true
	case <-late.C:
		return false
	}
}

func (p *pool) leave() { <-p.places }
