package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// working says on a terminal that something goes on: after a second, two, four, and so on. text says what, at that time.
// Whole lines, so that nothing has to be wiped out, and a log may come between. Elsewhere it says nothing: scripts get
// what they asked for. The function that it returns ends that, and may be called again; nothing
// is said after it.
func working(w io.Writer, text func() string) (stop func()) {
	if !terminal(w) {
		return func() {}
	}
	return remind(w, text)
}

// remind is working for a w that somebody watches.
func remind(w io.Writer, text func() string) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for began, wait := time.Now(), time.Second; ; wait *= 2 {
			select {
			case <-over:
				return
			case <-time.After(time.Until(began.Add(wait))):
				fmt.Fprintf(w, "corsgate: still %s after %v\n", text(), wait)
			}
		}
	}()
	return sync.OnceFunc(func() { close(over); <-done })
}
