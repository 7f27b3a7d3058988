package loop

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
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
	server      *edge.Server
	newExchange func() Exchange
	log         *slog.Logger

	epoll   int
	file    *os.File // epoll, as the runtime polls it
	raw     syscall.RawConn
	ready   func(fd uintptr) bool // made once
	events  [batch]unix.EpollEvent
	pending int // of events, this turn
	at      int // the event that is handled next
	behind  int // turns that have put off deadlines
	guilty  *client
	gen     int32

	sockets []*socket    // by descriptor
	clients atomic.Int32 // only the loop changes it
	wheel   wheel
	start   time.Time
	now     time.Time // of this turn
	nextDue time.Time // of the wheel

	in      []byte // for reading; free between events
	sealed  []byte // likewise, of records; nil: nobody has spoken TLS yet
	records records
	out     []byte // for responses that are streamed
	res     wire.Response
	free    []Exchange
	bufs    [][]byte // small ones
	pool    map[*upstream.Endpoint]*pool

	scratch   h2.Scratch
	dirty     []*client    // whose sessions have something to say
	turns     []*h2.Stream // of pumpAll
	undecided []*stream    // see decide
	streams   []*stream    // to use again

	later     []*client // to go on with in the next turn
	acceptors []*acceptor
	posted    taskQueue
	tasks     []func() // taken from it
	draining  bool
	grace     time.Duration // of connections that are to end
	ended     time.Duration // edge.HalfClosedWait
	done      chan struct{}
}

// Clients returns how many connections of clients the loop has now. It is safe for concurrent use.
func (l *Loop) Clients() int { return int(l.clients.Load()) }

// New returns a loop for the server's connections; it begins with Run.
func New(server *edge.Server, newExchange func() Exchange, log *slog.Logger) (*Loop, error) {
	l := &Loop{
		server: server, newExchange: newExchange, log: log,
		in: make([]byte, readBuffer), pool: map[*upstream.Endpoint]*pool{}, done: make(chan struct{}),
		grace: edge.Grace, ended: edge.HalfClosedWait,
	}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("cannot make an epoll set: %w", err)
	}
	if err := unix.SetNonblock(l.epoll, true); err != nil { // else the runtime would not poll it
		return nil, errors.Join(err, unix.Close(l.epoll))
	}
	l.file, l.ready = os.NewFile(uintptr(l.epoll), "epoll"), l.look
	if l.raw, err = l.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, l.file.Close())
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
	l.start = time.Now()
	l.now, l.nextDue = l.start, l.start
	for turn := 0; !l.draining || l.Clients() > 0; turn++ {
		l.wait()
		l.now = time.Now()
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

// wait parks the goroutine until epoll has events or the wheel is due.
//
// The runtime polls the epoll descriptor like any socket: Read calls look, and parks if it says
// that there is nothing.
func (l *Loop) wait() {
	l.pending, l.at = 0, 0
	switch err := l.raw.Read(l.ready); {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		// The deadline has passed, so Read has not looked. If the process was stopped meanwhile, what has come in time must
		// not be taken for late.
		l.pending = epollWait(uintptr(l.epoll), l.events[:])
	default:
		panic("BUG: polling epoll: " + err.Error())
	}
}

// caughtUp reports whether deadlines can be judged: whether all that was ready has been handled. After a pause there may be
// more than one turn takes; epoll goes round, so that as many turns as the sockets fill see each of them.
func (l *Loop) caughtUp() bool {
	if l.pending == batch && l.behind < len(l.sockets)/batch {
		l.behind++
		return false
	}
	l.behind = 0
	return true
}

func (l *Loop) look(fd uintptr) bool {
	l.pending = epollWait(fd, l.events[:])
	return l.pending > 0 || len(l.later) > 0
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
	l.runTasks() // that a panic has left
	l.weed()
	l.resumeAll()
	for l.at < l.pending {
		ev := &l.events[l.at]
		l.at++
		if s := l.socketOf(ev); s != nil {
			l.suspect(s)
			l.event(s, ev.Events)
		}
	}
	if !l.now.Before(l.nextDue) && l.caughtUp() {
		l.advance()
	}
	l.flushDirty()
	return true
}

// socketOf returns the socket that an event is about, or nil if it was closed earlier in this turn.
func (l *Loop) socketOf(ev *unix.EpollEvent) *socket {
	if s := l.sockets[ev.Fd]; s != nil && s.gen == ev.Pad {
		return s
	}
	return nil
}

// weed discards idle connections to endpoints of which there is an event, which can only be bad,
// before a request of the same turn is sent on one of them.
func (l *Loop) weed() {
	for i := l.at; i < l.pending; i++ {
		if s := l.socketOf(&l.events[i]); s != nil && s.up != nil && s.up.call == nil {
			l.discard(s.up)
		}
	}
}

func (l *Loop) event(s *socket, events uint32) {
	switch {
	case s.client != nil:
		l.clientEvent(s.client, events)
	case s.up != nil:
		l.upstreamEvent(s.up, events)
	case s.accept != nil:
		l.acceptEvent(s.accept)
	default:
		l.readTasks()
	}
}

// suspect notes whose doing a panic would be.
func (l *Loop) suspect(s *socket) {
	l.guilty = s.client
	if s.up != nil && s.up.call != nil {
		l.guilty = s.up.call.to.client()
	}
}

// rescue closes the connection that a panic was about.
func (l *Loop) rescue() {
	if c := l.guilty; c != nil && l.alive(c) {
		l.abort(c)
	}
}

// advance looks at the deadlines that have come, and has wait return in time for the next.
func (l *Loop) advance() {
	at := ticks(l.now.Sub(l.start))
	l.nextDue = l.start.Add(time.Duration(at+1) * tick) // on the tick: it may be somebody's deadline
	l.file.SetReadDeadline(l.nextDue)                   // the file can have deadlines: it is polled
	l.wheel.advance(at, l.expired)
	l.expireIdle()
}

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
		l.upstreamExpired(s.up)
	case s.accept != nil:
		l.resume(s.accept)
	}
}

// arm gives a timer a deadline that lies d ahead, rounded up.
func (l *Loop) arm(t *timer, d time.Duration) {
	l.wheel.set(t, ticks(l.now.Sub(l.start)+d)+1)
}
