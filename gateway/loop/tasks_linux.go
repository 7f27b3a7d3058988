package loop

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// This file is what other goroutines may ask of a loop: to run something, to drain, to give up.

// A taskQueue is how they reach it.
type taskQueue struct {
	wake int // an eventfd in the epoll set

	mu    sync.Mutex
	tasks []func()
	begun bool // the loop runs, or has run
	over  bool // the loop has ended
}

// open begins a loop. It reports false if it has begun before.
func (b *taskQueue) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.begun {
		return false
	}
	b.begun = true
	return true
}

// Post has f run on the loop's goroutine. It may be called from any. It reports false, and f
// will not run, if the loop has ended.
func (l *Loop) Post(f func()) bool {
	b := &l.posted
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.tasks = append(b.tasks, f)
	unix.Write(b.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a full counter wakes as well
	return true
}

func (l *Loop) readTasks() {
	var b [8]byte
	unix.Read(l.posted.wake, b[:]) // it is there to be emptied
	l.posted.mu.Lock()
	l.tasks = append(l.tasks, l.posted.tasks...)
	l.posted.tasks = nil
	l.posted.mu.Unlock()
	l.runTasks()
}

// runTasks runs what was posted. Each is taken off first: one that panics is not run again.
func (l *Loop) runTasks() {
	for len(l.tasks) > 0 {
		f := l.tasks[0]
		l.tasks = l.tasks[1:]
		f()
	}
	l.tasks = nil
}

// do has f run on the loop's goroutine, or here if the loop has not begun or has ended, and returns
// its error.
func (l *Loop) do(f func() error) error {
	b := &l.posted
	b.mu.Lock()
	if b.over { // but it may have sockets still: see end
		b.mu.Unlock()
		<-l.done
		b.mu.Lock()
	}
	if !b.begun || b.over {
		defer b.mu.Unlock()
		return f()
	}
	b.mu.Unlock()
	result := make(chan error, 1)
	if !l.Post(func() { defer close(result); result <- f() }) {
		return nil // it has ended meanwhile, and its sockets with it
	}
	return <-result
}

// Drain stops accepting. Connections end after their current response, which says so; those between
// requests wait for one more, for grace. It may be called from any goroutine; Done tells when all
// have ended. A loop that has not begun ends at once, and will not begin.
func (l *Loop) Drain(grace time.Duration) {
	if l.posted.open() {
		l.drain(0)
		l.end()
		return
	}
	l.Post(func() { l.drain(grace) })
}

func (l *Loop) drain(grace time.Duration) {
	l.draining, l.grace = true, grace
	l.unaccept(func(*acceptor) bool { return true })
	l.dismiss(grace, func(*client) bool { return true })
}

// dismiss has clients end.
func (l *Loop) dismiss(grace time.Duration, which func(*client) bool) {
	for _, s := range l.sockets {
		if s != nil && s.client != nil && l.alive(s.client) && which(s.client) {
			l.retire(s.client, grace)
		}
	}
}

// Abandon closes every connection now. It may be called from any goroutine.
func (l *Loop) Abandon() {
	l.Post(func() {
		l.draining = true
		l.abandon(func(c *client) bool { return c.hold != nil }) // first, lest they get what the others leave
		l.abandon(func(*client) bool { return true })
	})
}

func (l *Loop) abandon(which func(*client) bool) {
	for _, s := range l.sockets {
		if s != nil && s.client != nil && l.alive(s.client) && which(s.client) {
			l.abort(s.client)
		}
	}
}

// Done is closed when the loop has ended.
func (l *Loop) Done() <-chan struct{} { return l.done }

// end closes what is left after the last client.
func (l *Loop) end() {
	l.posted.mu.Lock()
	l.posted.over = true
	tasks := l.posted.tasks
	l.posted.mu.Unlock()
	for _, f := range tasks {
		f() // they may bring descriptors, which must not leak
	}
	for _, s := range l.sockets {
		if s != nil && s.up != nil {
			l.shut(&s.up.socket)
		}
	}
	unix.Close(l.posted.wake) // nothing is lost with it
	l.file.Close()            // likewise
	close(l.done)
}
