package loop

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A reactor is the sockets of a loop, what epoll says of them, and their deadlines; and the loop's clock, which stands still during
// a turn. It does not know what a socket is for.
type reactor struct {
	epoll   int
	file    *os.File // epoll, as the runtime polls it
	raw     syscall.RawConn
	ready   func(fd uintptr) bool // poll, made once
	events  [batch]unix.EpollEvent
	pending int  // of events, this turn
	at      int  // the event that is handled next
	more    bool // there is work without events: wait does not park
	behind  int  // turns that have put off deadlines
	gen     int32

	sockets []*socket // by descriptor
	wheel   wheel
	start   time.Time
	now     time.Time // of this turn
	nextDue time.Time // of the wheel
}

// open makes the epoll set. closeSet must follow.
func (r *reactor) open() (err error) {
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("cannot make an epoll set: %w", err)
	}
	if err := unix.SetNonblock(r.epoll, true); err != nil { // else the runtime would not poll it
		return errors.Join(err, unix.Close(r.epoll))
	}
	r.file, r.ready = os.NewFile(uintptr(r.epoll), "epoll"), r.poll
	if r.raw, err = r.file.SyscallConn(); err != nil {
		return errors.Join(err, r.file.Close())
	}
	return nil
}

// startClock starts the clock.
func (r *reactor) startClock() {
	r.start = time.Now()
	r.now, r.nextDue = r.start, r.start
}

// wait begins a turn. It parks the goroutine until epoll has events or the wheel is due, unless more is set.
//
// The runtime polls the epoll descriptor like any socket: Read calls poll, and parks if it says
// that there is nothing.
func (r *reactor) wait(more bool) {
	r.pending, r.at, r.more = 0, 0, more
	switch err := r.raw.Read(r.ready); {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		// The deadline has passed, so Read has not looked. If the process was stopped meanwhile, what has come in time must
		// not be taken for late.
		r.pending = epollWait(uintptr(r.epoll), r.events[:])
	default:
		panic("BUG: polling epoll: " + err.Error())
	}
	r.now = time.Now()
}

func (r *reactor) poll(fd uintptr) bool {
	r.pending = epollWait(fd, r.events[:])
	return r.pending > 0 || r.more
}

// nextEvent returns the next socket that there is an event of in this turn, and what epoll says; nil after the last.
func (r *reactor) nextEvent() (s *socket, events uint32) {
	for r.at < r.pending {
		ev := &r.events[r.at]
		r.at++
		if s := r.socketOf(ev); s != nil {
			return s, ev.Events
		}
	}
	return nil, 0
}

// ahead ranges over the sockets that nextEvent has yet to return.
func (r *reactor) ahead() iter.Seq[*socket] {
	return func(yield func(*socket) bool) {
		for i := r.at; i < r.pending; i++ {
			if s := r.socketOf(&r.events[i]); s != nil && !yield(s) {
				return
			}
		}
	}
}

// socketOf returns the socket that an event is about, or nil if it was closed earlier in this turn.
func (r *reactor) socketOf(ev *unix.EpollEvent) *socket {
	if s := r.sockets[ev.Fd]; s != nil && s.gen == ev.Pad {
		return s
	}
	return nil
}

// due reports whether it is time to look at deadlines, and they can be judged: whether all that was ready has been handled. After a
// pause there may be more than one turn takes; epoll goes round, so that as many turns as the sockets fill see each of them.
func (r *reactor) due() bool {
	if r.now.Before(r.nextDue) {
		return false
	}
	if r.pending == batch && r.behind < len(r.sockets)/batch {
		r.behind++
		return false
	}
	r.behind = 0
	return true
}

// look calls expired for each deadline that has come, and has wait return in time for the next.
func (r *reactor) look(expired func(*timer)) {
	at := ticks(r.now.Sub(r.start))
	r.nextDue = r.start.Add(time.Duration(at+1) * tick) // on the tick: it may be somebody's deadline
	r.file.SetReadDeadline(r.nextDue)                   // the file can have deadlines: it is polled
	r.wheel.advance(at, expired)
}

// arm gives a timer a deadline that lies d ahead, rounded up.
func (r *reactor) arm(t *timer, d time.Duration) {
	r.wheel.set(t, ticks(r.now.Sub(r.start)+d)+1)
}

// closeSet gives up the epoll set. Its sockets are not closed.
func (r *reactor) closeSet() { r.file.Close() }
