package gateway

import (
	"context"
	"sync"

	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/trace"
)

// exports are the exporters that run.
type exports struct {
	running sync.WaitGroup
	ctx     context.Context
	abandon context.CancelFunc
}

// swapExporter starts the exporter of a snapshot that becomes current, and lets that of the one before end.
func (g *Gateway) swapExporter(prev, s *snapshot.Snapshot) {
	old, now := prev.Exporter(), s.Exporter()
	if now != nil && now != old {
		g.exports.running.Go(func() { now.Run(g.exports.ctx, g.log) })
	}
	if old != nil && now != old {
		old.Stop()
	}
}

// stop ends the exporters. What waits is sent, until done is closed.
func (e *exports) stop(current *trace.Exporter, done <-chan struct{}) {
	if current != nil {
		current.Stop()
	}
	ended := make(chan struct{})
	go func() {
		e.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-done:
	}
	e.abandon()
	<-ended
}
