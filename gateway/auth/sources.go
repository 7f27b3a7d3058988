package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/auth/jwks"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// Sources run what fetches keys. Log is set once, before Swap.
type Sources struct {
	Log *slog.Logger

	running sync.WaitGroup
	cancel  map[*jwks.Source]context.CancelFunc
}

// Swap starts the sources of a set that comes into force, and stops those of the one before that it does not have. It must not
// be called twice at a time.
func (r *Sources) Swap(next *Set) {
	if r.cancel == nil {
		r.cancel = map[*jwks.Source]context.CancelFunc{}
	}
	wanted := map[*jwks.Source]bool{}
	for _, t := range next.tables {
		if t.source != nil {
			wanted[t.source] = true
		}
	}
	for s, cancel := range r.cancel {
		if !wanted[s] {
			cancel()
			delete(r.cancel, s)
		}
	}
	for s := range wanted {
		if r.cancel[s] == nil {
			ctx, cancel := context.WithCancel(context.Background())
			r.cancel[s] = cancel
			r.running.Go(func() { s.Run(ctx, r.Log) })
		}
	}
}

// Stop ends them all, and waits for that.
func (r *Sources) Stop() {
	for _, cancel := range r.cancel {
		cancel()
	}
	r.cancel = nil
	r.running.Wait()
}

// Ages tells how old the keys are that were fetched, in seconds.
func (s *Set) Ages(emit metrics.Emit) {
	for name, t := range s.tables {
		if t.source == nil {
			continue
		}
		if age, ok := t.source.Age(time.Now()); ok {
			emit(age.Seconds(), name)
		}
	}
}

// Keys tells how many keys there are to verify tokens with.
func (s *Set) Keys(emit metrics.Emit) {
	for name, t := range s.tables {
		if t.tokens != nil {
			emit(float64(t.keySet().Len()), name)
		}
	}
}

// Fetches tells how often keys were asked for, by result.
func (s *Set) Fetches(emit metrics.Emit) {
	for name, t := range s.tables {
		if t.source != nil {
			c := &t.source.Counts
			emit(float64(c.Fetched.Load()), name, "fetched")
			emit(float64(c.Unchanged.Load()), name, "unchanged")
			emit(float64(c.Failed.Load()), name, "failed")
		}
	}
}

// Remembered tells how many tokens and decisions are remembered.
func (s *Set) Remembered(emit metrics.Emit) {
	for name, t := range s.tables {
		switch {
		case t.tokens != nil:
			emit(float64(t.tokens.entries.Load()), name)
		case t.forward != nil:
			emit(float64(t.forward.admitted.entries.Load()+t.forward.denied.entries.Load()), name)
		}
	}
}
