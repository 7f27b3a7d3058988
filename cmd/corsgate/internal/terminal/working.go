package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Working prints on a terminal that a command is still at work: after a second, two, four, and so on. text says at what,
// at that time. It prints whole lines, so that nothing has to be erased and a log can come between. If w is not a
// terminal it prints nothing, because scripts read that output.
//
// The returned function ends this. It may be called more than once; nothing is printed after it.
func Working(w io.Writer, text func() string) (stop func()) {
	if !Is(w) {
		return func() {}
	}
	return remind(w, text)
}

// remind is Working for a terminal.
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
