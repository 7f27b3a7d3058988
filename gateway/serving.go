package gateway

import (
	"context"
	"time"

	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/edge"
)

// This file runs what serves, and ends it.

// engine is an event loop, where there is one; see package loop.
type engine interface {
	Run()
	Drain(grace time.Duration)
	Abandon()
	Post(func()) bool
	Done() <-chan struct{}
	Clients() int
	Spare()
}

// Serve serves until Shutdown, or until a listener fails, whose error it then returns at once.
func (g *Gateway) Serve() error {
	stop := make(chan struct{})
	defer close(stop)
	go g.watchMemory(stop)
	g.mu.Lock()
	if !g.closed {
		g.serving = true
		g.runLoops()
		g.work.Go(certs.Start(nil, g.current.Load().Certs, g.log))
		for _, b := range g.bindings {
			g.start(b)
		}
	}
	g.mu.Unlock()
	select {
	case err := <-g.failure:
		return err
	case <-g.ended:
		return nil
	}
}

func (g *Gateway) runLoops() {
	loops := g.loops
	g.turning.Store(&loops)
	for _, l := range g.loops {
		g.work.Go(l.Run)
	}
}

// Alive reports whether each event loop makes a turn within a time. A loop that has ended is well.
func (g *Gateway) Alive(within time.Duration) bool {
	loops := g.turning.Load()
	if loops == nil {
		return true
	}
	late := time.NewTimer(within)
	defer late.Stop()
	turned := make(chan struct{}, len(*loops))
	for _, l := range *loops {
		if !l.Post(func() { turned <- struct{}{} }) {
			turned <- struct{}{}
		}
	}
	for range *loops {
		select {
		case <-turned:
		case <-late.C:
			return false
		}
	}
	return true
}

// Shutdown stops accepting, lets requests under way end, and closes their connections; when ctx
// is done it closes what is left and returns ctx's error. If the configuration has a lame_duck
// time it first waits that long while Ready reports false.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.draining.Store(true)
	s := g.current.Load()
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
	return g.stop(ctx, (*edge.Sockets).Close)
}

// HandOver is Shutdown for a gateway whose sockets another process accepts on: nobody has to be told that
// this one will soon be gone, and addresses remain.
func (g *Gateway) HandOver(ctx context.Context) error {
	g.succeeded.Store(true)
	g.draining.Store(true)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.handOverQUIC(edge.GraceBefore(ctx))
	}
	return g.stop(ctx, func(s *edge.Sockets) error { s.Leave(); return nil })
}

// stop ends what is served, and gives sockets up by release. Precondition: g.mu is held.
func (g *Gateway) stop(ctx context.Context, release func(*edge.Sockets) error) error {
	if g.closed {
		return nil
	}
	g.closed = true
	defer close(g.ended)
	grace := edge.GraceBefore(ctx)
	if g.serving {
		g.stopACME(ctx)
	}
	for _, b := range g.bindings {
		for _, l := range b.on {
			l.Close() //nolint:errcheck // a listener that cannot be closed does not accept either
		}
	}
	g.refuseQUIC()
	for _, l := range g.loops {
		l.Drain(grace)
	}
	for _, b := range g.bound() {
		b.discardLooped()  // if nothing was served
		release(b.sockets) //nolint:errcheck // nobody accepts on them
	}
	err := g.server.Drain(ctx)
	for _, l := range g.loops {
		select {
		case <-l.Done():
		case <-ctx.Done():
			err = ctx.Err()
			l.Abandon()
			<-l.Done()
		}
	}
	// Again: the loops may have handed connections over meanwhile.
	if again := g.server.Drain(ctx); err == nil {
		err = again
	}
	g.closeQUIC()
	g.work.Wait()
	g.copies.Stop(edge.GraceBefore(ctx), ctx.Done())
	g.exports.stop(g.current.Load().Exporter(), ctx.Done())
	g.stores.Stop(g.current.Load().Limits, edge.GraceBefore(ctx))
	g.current.Load().Upstreams.Stop(nil)
	g.closeAccessLog()
	return err
}

// stopACME ends all work for certificates, and waits for that unless ctx is done. Precondition: g.mu is held.
func (g *Gateway) stopACME(ctx context.Context) {
	ended := make(chan struct{})
	wait := certs.Start(g.current.Load().Certs, nil, g.log)
	go func() { defer close(ended); wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
