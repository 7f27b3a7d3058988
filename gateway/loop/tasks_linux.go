package loop

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// This file is what other goroutines may ask of a loop: to run something, to drain, to give up.

// A taskQueue is what other goroutines have a loop run.
type taskQueue struct {
	wake  int      // an eventfd in the epoll set
	taken []func() // to run next; the loop's

	mu    sync.Mutex
	tasks []func()
	begun bool          // the loop runs, or has run
	over  bool          // nothing is taken any more
	done  chan struct{} // closed when the loop has ended
}

// open begins a loop. It reports false if it has begun before.
func (q *taskQueue) open() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.begun {
		return false
	}
	q.begun = true
	return true
}

// post is Loop.Post.
func (q *taskQueue) post(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return false
	}
	q.tasks = append(q.tasks, f)
	unix.Write(q.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a full counter wakes as well
	return true
}

// read takes what was posted, and runs it.
func (q *taskQueue) read() {
	var b [8]byte
	unix.Read(q.wake, b[:]) // it is there to be emptied
	q.mu.Lock()
	q.taken = append(q.taken, q.tasks...)
	q.tasks = nil
	q.mu.Unlock()
	q.run()
}

// run runs what was taken. Each is taken off first: one that panics is not run again.
func (q *taskQueue) run() {
	for len(q.taken) > 0 {
		f := q.taken[0]
		q.taken = q.taken[1:]
		f()
	}
	q.taken = nil
}

// do has f run on the loop's goroutine, or here if the loop has not begun or has ended, and returns
// its error.
func (q *taskQueue) do(f func() error) error {
	q.mu.Lock()
	if q.over { // but it may have sockets still: see end
		q.mu.Unlock()
		<-q.done
		q.mu.Lock()
	}
	if !q.begun || q.over {
		defer q.mu.Unlock()
		return f()
	}
	q.mu.Unlock()
	result := make(chan error, 1)
	if !q.post(func() { defer close(result); result <- f() }) {
		return nil // it has ended meanwhile, and its sockets with it
	}
	return <-result
}

// last takes nothing more, and runs what was posted last: it may bring descriptors, which must not leak.
func (q *taskQueue) last() {
	q.mu.Lock()
	q.over = true
	tasks := q.tasks
	q.mu.Unlock()
	for _, f := range tasks {
		f()
	}
}

// end tells that the loop has ended. last was called before.
func (q *taskQueue) end() {
	unix.Close(q.wake) // nothing is lost with it
	close(q.done)
}

// Post has f run on the loop's goroutine. It may be called from any. It reports false, and f
// will not run, if the loop has ended.
func (l *Loop) Post(f func()) bool { return l.posted.post(f) }

// Spare closes the connections to upstreams that have been idle longest, half of them: descriptors are needed. It may be called
// from any goroutine, and does not wait.
func (l *Loop) Spare() { l.Post(l.ups.spare) }

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
func (l *Loop) Done() <-chan struct{} { return l.posted.done }

// end closes what is left after the last client.
func (l *Loop) end() {
	l.posted.last()
	for _, s := range l.sockets {
		if s != nil && s.up != nil {
			l.shut(&s.up.socket)
		}
	}
	l.closeSet()
	l.posted.end()
}
