package loop

import (
	"sync"

	"golang.org/x/sys/unix"
)

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
