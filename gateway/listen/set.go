// Package listen binds the listeners of a configuration, over TCP, UDP and Unix sockets, and
// replaces them while they serve, without losing connections that wait to be accepted. It is
// internal to the gateway.
package listen

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h3"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/socket"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// A Set is the listeners of a gateway. Its owner's lock guards it: only Alive, Failure, Spare
// and the methods for metrics are safe for concurrent use with its other methods.
type Set struct {
	log       *slog.Logger
	server    *edge.Server
	quic      *h3.Server
	exchanges func(i int) func() loop.Exchange // makes exchanges for the i-th loop

	bindings           []*binding // in force
	inherited          map[inheritance]*socket.Group
	inheritedDatagrams map[inheritance]*h3.Datagrams
	retired            []*h3.Datagrams // retired: they close when their last connection has ended

	loops       []engine                 // nil: no listener has needed them yet
	running     atomic.Pointer[[]engine] // loops, once they run
	connections connections
	serving     bool
	work        sync.WaitGroup // what accepts, and the loops
	failure     chan error
}

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

// NewSet returns a set that listens on nothing yet. Connections are for server; exchanges
// returns the constructor for exchanges of the i-th event loop.
func NewSet(server *edge.Server, exchanges func(i int) func() loop.Exchange, log *slog.Logger) *Set {
	return &Set{log: log, server: server, quic: h3.NewServer(server), exchanges: exchanges, failure: make(chan error, 1),
		inherited: map[inheritance]*socket.Group{}, inheritedDatagrams: map[inheritance]*h3.Datagrams{}}
}

// Listen binds every address of the configuration, or none. Inherited sockets that are not
// needed are closed. auths are what listeners ask of clients, by name.
func (s *Set) Listen(cfg *config.Config, auths map[string]*tlsconf.ClientAuth) error {
	next, err := s.rebind(cfg, auths)
	for _, inherited := range s.inherited {
		inherited.Leave()
	}
	clear(s.inherited)
	for _, d := range s.inheritedDatagrams {
		d.Close()
	}
	clear(s.inheritedDatagrams)
	if err != nil {
		for _, l := range s.loops {
			l.Drain(0)
		}
		s.loops = nil
		return err
	}
	s.install(next)
	return nil
}

// Rebind binds what cfg listens on beyond what is bound already, and returns what puts it in
// force, which cannot fail; or an error, and nothing has changed.
func (s *Set) Rebind(cfg *config.Config, auths map[string]*tlsconf.ClientAuth) (install func(), err error) {
	if len(s.bindings) == 0 {
		return func() {}, nil // Listen is still to come
	}
	next, err := s.rebind(cfg, auths)
	if err != nil {
		return nil, err
	}
	return func() { s.install(next) }, nil
}

// Addr returns the address of a listener, as "host:port" or a path, or "" if no listener has that name.
func (s *Set) Addr(listener string) string {
	for _, b := range s.bindings {
		if b.on[0].Name == listener {
			return b.on[0].Addr().String()
		}
	}
	return ""
}

// Serve starts to accept.
func (s *Set) Serve() {
	s.serving = true
	s.runLoops()
	for _, b := range s.bindings {
		s.start(b)
	}
}

// Serving reports whether Serve was called.
func (s *Set) Serving() bool { return s.serving }

// Failure has the error of a listener that has failed, if there is one.
func (s *Set) Failure() <-chan error { return s.failure }

func (s *Set) runLoops() {
	loops := s.loops
	s.running.Store(&loops)
	for _, l := range loops {
		s.work.Go(l.Run)
	}
}

// Alive reports whether each event loop makes a turn within a time. A loop that has ended is well.
func (s *Set) Alive(within time.Duration) bool {
	loops := s.running.Load()
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

// Spare has the event loops close connections that are kept for later. It is safe for concurrent use.
func (s *Set) Spare() {
	if loops := s.running.Load(); loops != nil {
		for _, l := range *loops {
			l.Spare()
		}
	}
}

// Stop stops accepting, lets requests under way end, and closes their connections; when ctx is
// done it closes the remaining ones and returns ctx's error. The sockets are closed, or, if
// left is set, left to another process that has them.
func (s *Set) Stop(ctx context.Context, left bool) error {
	grace := edge.GraceBefore(ctx)
	for _, b := range s.bindings {
		for _, l := range b.on {
			l.Close() // a listener that cannot be closed does not accept either
		}
	}
	s.refuseQUIC()
	for _, l := range s.loops {
		l.Drain(grace)
	}
	for _, b := range s.bound() {
		b.discardLooped() // if nothing was served
		if left {
			b.sockets.Leave()
		} else {
			b.sockets.Close() // nothing is accepted on them any more
		}
	}
	err := s.server.Drain(ctx)
	for _, l := range s.loops {
		select {
		case <-l.Done():
		case <-ctx.Done():
			err = ctx.Err()
			l.Abandon()
			<-l.Done()
		}
	}
	// Again: the loops may have handed connections over since.
	if again := s.server.Drain(ctx); err == nil {
		err = again
	}
	s.closeQUIC()
	s.work.Wait()
	return err
}
