package loop

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// Sizes of a loop.
const (
	batch        = 256      // events a turn
	readBuffer   = 64 << 10 // what one read can bring
	smallContent = 16 << 10 // content of a request that is waited for here
	keptBuffer   = 16 << 10 // larger buffers are left to the garbage collector
	yieldEvery   = 16       // turns until other goroutines are let in
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
	at      int // the event that is being handled
	gen     int32

	sockets []*socket // by descriptor
	clients int
	wheel   wheel
	start   time.Time
	now     time.Time // of this turn
	nextDue time.Time // of the wheel

	in   []byte // for reading; free between events
	out  []byte // for responses that are streamed
	res  wire.Response
	free []Exchange
	bufs [][]byte // small ones
	pool map[*upstream.Endpoint]*pool

	acceptors []*acceptor
	inbox     inbox
	draining  bool
	done      chan struct{}
	serving   atomic.Bool
}

// inbox is how other goroutines reach a loop.
type inbox struct {
	mu    sync.Mutex
	wake  int // an eventfd in the epoll set
	tasks []func()
	over  bool // the loop has ended: nobody looks any more
}

// New returns a loop for the server's connections; it begins with Run.
func New(server *edge.Server, newExchange func() Exchange, log *slog.Logger) (*Loop, error) {
	l := &Loop{
		server: server, newExchange: newExchange, log: log,
		in: make([]byte, readBuffer), pool: map[*upstream.Endpoint]*pool{}, done: make(chan struct{}),
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
	if l.inbox.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	if err := l.add(&socket{fd: int32(l.inbox.wake)}, unix.EPOLLIN); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	return l, nil
}

// Post has f run on the loop's goroutine. It may be called from any. It reports false, and f
// will not run, if the loop has ended.
func (l *Loop) Post(f func()) bool {
	b := &l.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.tasks = append(b.tasks, f)
	unix.Write(b.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) //nolint:errcheck // a full counter wakes as well
	return true
}

// Run is the loop. It returns after Drain, when the last connection has ended.
func (l *Loop) Run() {
	l.start = time.Now()
	l.now, l.nextDue = l.start, l.start
	for turn := 0; !l.draining || l.clients > 0; turn++ {
		l.wait()
		l.now = time.Now()
		for l.at < l.pending {
			l.turn()
		}
		if !l.now.Before(l.nextDue) {
			l.advance()
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
	if err := l.raw.Read(l.ready); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		panic("BUG: polling epoll: " + err.Error())
	}
}

func (l *Loop) look(fd uintptr) bool {
	l.pending = epollWait(fd, l.events[:])
	return l.pending > 0
}

// turn handles events until there are no more or one panics: then its client is answered 500,
// and the others go on.
func (l *Loop) turn() {
	defer func() {
		if p := recover(); p != nil {
			l.log.Error("panic while handling a request", "panic", p, "stack", string(debug.Stack()))
			l.rescue()
		}
	}()
	for l.at < l.pending {
		ev := &l.events[l.at]
		l.at++
		s := l.sockets[ev.Fd]
		switch {
		case s == nil || s.gen != ev.Pad:
			// Closed earlier in this turn.
		case s.client != nil:
			l.clientEvent(s.client, ev.Events)
		case s.up != nil:
			l.upstreamEvent(s.up, ev.Events)
		case s.accept != nil:
			l.acceptEvent(s.accept)
		default:
			l.readInbox()
		}
	}
}

// rescue ends what the event that panicked was about.
func (l *Loop) rescue() {
	s := l.sockets[l.events[l.at-1].Fd]
	if s == nil {
		return
	}
	c := s.client
	if s.up != nil {
		c = s.up.client
	}
	if c != nil {
		l.crash(c)
	} else if s.up != nil {
		l.discard(s.up)
	}
}

func (l *Loop) readInbox() {
	var b [8]byte
	unix.Read(l.inbox.wake, b[:]) //nolint:errcheck // it is there to be emptied
	l.inbox.mu.Lock()
	tasks := l.inbox.tasks
	l.inbox.tasks = nil
	l.inbox.mu.Unlock()
	for _, f := range tasks {
		f()
	}
}

// advance looks at the deadlines that have come, and has wait return in time for the next.
func (l *Loop) advance() {
	l.wheel.advance(ticks(l.now.Sub(l.start)), l.expired)
	l.expireIdle()
	l.nextDue = l.now.Add(tick)
	l.file.SetReadDeadline(l.nextDue) //nolint:errcheck // the file can have deadlines: it is polled
}

func (l *Loop) expired(s *socket) {
	switch {
	case s.client != nil:
		l.clientExpired(s.client)
	case s.up != nil:
		l.upstreamExpired(s.up)
	case s.accept != nil:
		l.resume(s.accept)
	}
}

// arm gives a socket a deadline that lies d ahead, rounded up.
func (l *Loop) arm(s *socket, d time.Duration) {
	l.wheel.set(s, ticks(l.now.Sub(l.start)+d)+1)
}

// Drain stops accepting, ends idle connections now and others after their current response. It
// may be called from any goroutine; Done tells when all have ended.
func (l *Loop) Drain() {
	l.Post(func() {
		l.draining = true
		for _, a := range l.acceptors {
			l.shut(&a.socket)
		}
		l.acceptors = nil
		for _, s := range l.sockets {
			if s != nil && s.client != nil && s.client.quiet() {
				l.close(s.client)
			}
		}
	})
}

// Abandon closes every connection now. It may be called from any goroutine.
func (l *Loop) Abandon() {
	l.Post(func() {
		l.draining = true
		for _, s := range l.sockets {
			if s != nil && s.client != nil {
				l.abort(s.client)
			}
		}
	})
}

// Done is closed when Run has returned.
func (l *Loop) Done() <-chan struct{} { return l.done }

// end closes what is left after the last client.
func (l *Loop) end() {
	l.inbox.mu.Lock()
	l.inbox.over = true
	tasks := l.inbox.tasks
	l.inbox.mu.Unlock()
	for _, f := range tasks {
		f() // they may bring descriptors, which must not leak
	}
	for _, s := range l.sockets {
		if s != nil && s.up != nil {
			l.shut(&s.up.socket)
		}
	}
	unix.Close(l.inbox.wake) //nolint:errcheck // nothing is lost with it
	l.file.Close()           //nolint:errcheck // likewise
	close(l.done)
}
