package loop

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/upstream"
	"golang.org/x/sys/unix"
)

// Sizes of a loop.
const (
	batch         = 256      // events a turn
	readBuffer    = 64 << 10 // what one read can bring
	requestsATurn = 32       // of one client, that need nobody else
	smallContent  = 16 << 10 // content of a request that is waited for here
	keptBuffer    = 16 << 10 // larger buffers are left to the garbage collector
	yieldEvery    = 16       // turns until other goroutines are let in
)

// A Loop is one event loop. Its methods are called on its own goroutine but for those that say
// otherwise.
type Loop struct {
	server *edge.Server
	log    *slog.Logger

	reactor
	memory
	records records
	ups     upstreams
	accept  acceptors
	guilty  *client      // whose doing a panic would be
	clients atomic.Int32 // only the loop changes it

	scratch   h2.Scratch
	dirty     []*client    // whose sessions have something to say
	turns     []*h2.Stream // of pumpAll
	undecided []*stream    // see decide
	streams   []*stream    // to use again

	later    []*client // to go on with in the next turn
	posted   taskQueue
	draining bool
	grace    time.Duration // of connections that are to end
	ended    time.Duration // edge.HalfClosedWait
}

// Clients returns how many connections of clients the loop has now. It is safe for concurrent use.
func (l *Loop) Clients() int { return int(l.clients.Load()) }

// New returns a loop for the server's connections; it begins with Run.
func New(server *edge.Server, newExchange func() Exchange, log *slog.Logger) (*Loop, error) {
	l := &Loop{
		server: server, log: log, memory: memory{newExchange: newExchange, in: make([]byte, readBuffer)},
		posted: taskQueue{done: make(chan struct{})}, grace: edge.Grace, ended: edge.HalfClosedWait,
	}
	l.accept = acceptors{reactor: &l.reactor, server: server}
	l.accept.begin = func(fd int, peer netip.Addr, on *edge.Listener) { l.begin(fd, peer, on, nil, false, false) }
	l.ups = upstreams{pools{&l.reactor, &l.memory, map[*upstream.Endpoint]*pool{}}, &l.posted}
	err := l.open()
	if err != nil {
		return nil, err
	}
	if l.posted.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	if err := l.add(&socket{fd: int32(l.posted.wake)}, unix.EPOLLIN); err != nil {
		return nil, errors.Join(err, unix.Close(l.posted.wake), l.file.Close())
	}
	server.Hold(l)
	return l, nil
}

// Run is the loop. It returns after Drain, when the last connection has ended.
func (l *Loop) Run() {
	if !l.posted.open() {
		return
	}
	l.startClock()
	for turn := 0; !l.draining || l.Clients() > 0; turn++ {
		l.wait(len(l.later) > 0)
		for done := false; !done; {
			done = l.turn()
		}
		if turn%yieldEvery == 0 {
			// On a single processor this goroutine could otherwise keep it for 10 ms at a time.
			runtime.Gosched()
		}
	}
	l.end()
}

// turn does all that there is to do now, or reports false because something of it has panicked:
// then that client's connection is closed, and the others go on.
func (l *Loop) turn() (done bool) {
	defer func() {
		if p := recover(); p != nil {
			l.log.Error("panic in the event loop", "panic", p, "stack", string(debug.Stack()))
			l.rescue()
		}
	}()
	l.posted.run() // that a panic has left
	l.weed()
	l.resumeAll()
	for s, events := l.nextEvent(); s != nil; s, events = l.nextEvent() {
		l.suspect(s)
		l.event(s, events)
	}
	if l.due() {
		l.look(l.expired)
		l.ups.expireIdle()
	}
	l.flushDirty()
	return true
}

// weed discards idle connections to endpoints of which there is an event, which can only be bad,
// before a request of the same turn is sent on one of them.
func (l *Loop) weed() {
	for s := range l.ahead() {
		if s.up != nil && s.up.call == nil {
			l.ups.discard(s.up)
		}
	}
}

func (l *Loop) event(s *socket, events uint32) {
	switch {
	case s.client != nil:
		l.clientEvent(s.client, events)
	case s.up != nil:
		l.ups.event(s.up, events)
	case s.accept != nil:
		l.accept.event(s.accept)
	default:
		l.posted.read()
	}
}

// suspect notes whose doing a panic would be.
func (l *Loop) suspect(s *socket) {
	l.guilty = s.client
	if s.up != nil && s.up.call != nil {
		s.up.call.to.blame()
	}
}

// rescue closes the connection that a panic was about.
func (l *Loop) rescue() {
	if c := l.guilty; c != nil && l.alive(c) {
		l.abort(c)
	}
}

// expired acts on a deadline that has come.
func (l *Loop) expired(t *timer) {
	if t.stream != nil {
		l.guilty = t.stream.c
		l.streamExpired(t.stream)
		return
	}
	s := t.socket
	l.suspect(s)
	switch {
	case s.client != nil:
		l.clientExpired(s.client)
	case s.up != nil:
		l.ups.expired(s.up)
	case s.accept != nil:
		l.accept.resume(s.accept)
	}
}
