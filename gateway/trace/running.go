package trace

import (
	"context"
	"log/slog"
	"sync"
)

// Running are the exporters that run: that of the configuration in force, and earlier ones that still send what waits. Its methods
// are for one goroutine at a time.
type Running struct {
	work    sync.WaitGroup
	ctx     context.Context
	abandon context.CancelFunc
}

// Swap runs the exporter that becomes current, and lets the one before end. Each may be nil.
func (r *Running) Swap(prev, next *Exporter, log *slog.Logger) {
	if r.ctx == nil {
		r.ctx, r.abandon = context.WithCancel(context.Background())
	}
	if next == prev {
		return
	}
	if next != nil {
		r.work.Go(func() { next.Run(r.ctx, log) })
	}
	if prev != nil {
		prev.Stop()
	}
}

// Stop ends the exporters, of which current is in force and may be nil. What waits is sent, until done is closed. Precondition: Swap
// was called.
func (r *Running) Stop(current *Exporter, done <-chan struct{}) {
	if current != nil {
		current.Stop()
	}
	ended := make(chan struct{})
	go func() {
		r.work.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-done:
	}
	r.abandon()
	<-ended
}
