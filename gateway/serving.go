package gateway

import (
	"context"
	"time"

	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/edge"
)

// This file runs what serves, and ends it.

// Serve serves until Shutdown, or until a listener fails, whose error it then returns at once.
func (g *Gateway) Serve() error {
	stop := make(chan struct{})
	defer close(stop)
	go g.proxy.Overload().WatchMemory(stop, g.relieve)
	g.mu.Lock()
	if !g.closed {
		g.work.Go(certs.Start(nil, g.proxy.Current().Certs, g.log))
		g.listen.Serve()
	}
	g.mu.Unlock()
	select {
	case err := <-g.listen.Failure():
		return err
	case <-g.ended:
		return nil
	}
}

// Alive reports whether each event loop makes a turn within a time. A loop that has ended is well.
func (g *Gateway) Alive(within time.Duration) bool { return g.listen.Alive(within) }

// Shutdown stops accepting, lets requests under way end, and closes their connections; when ctx
// is done it closes what is left and returns ctx's error. If the configuration has a lame_duck
// time it first waits that long while Ready reports false.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.proxy.Drain(false)
	s := g.proxy.Current()
	if d := s.Config.Timeouts.LameDuck; d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stop(ctx, false)
}

// HandOver is Shutdown for a gateway whose sockets another process accepts on: load balancers need not learn that this one
// is about to stop, and Unix sockets keep their paths.
func (g *Gateway) HandOver(ctx context.Context) error {
	g.proxy.Drain(true)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.listen.HandOver(edge.GraceBefore(ctx))
	}
	return g.stop(ctx, true)
}

// stop ends what is served. It closes the sockets, or, if left is set, leaves them to another process.
// Precondition: g.mu is held.
func (g *Gateway) stop(ctx context.Context, left bool) error {
	if g.closed {
		return nil
	}
	g.closed = true
	defer close(g.ended)
	if g.listen.Serving() {
		g.stopACME(ctx)
	}
	err := g.listen.Stop(ctx, left)
	g.work.Wait()
	g.proxy.Copies().Stop(edge.GraceBefore(ctx), ctx.Done())
	g.exports.Stop(g.proxy.Current().Exporter(), ctx.Done())
	g.sources.Stop()
	g.stores.Stop(g.proxy.Current().Limits, edge.GraceBefore(ctx))
	g.proxy.Current().Upstreams.Stop(nil)
	g.closeAccessLog()
	return err
}

// stopACME ends all work for certificates, and waits for that unless ctx is done. Precondition: g.mu is held.
func (g *Gateway) stopACME(ctx context.Context) {
	ended := make(chan struct{})
	wait := certs.Start(g.proxy.Current().Certs, nil, g.log)
	go func() { defer close(ended); wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
