package conn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestPatiently: what fails because there are no descriptors is tried again every 20 ms, for 0.3 s, until by, and until ctx is
// done. What fails for another reason is not.
func TestPatiently(t *testing.T) {
	short := []error{syscall.EMFILE, syscall.ENFILE, fmt.Errorf("dial: %w", os.NewSyscallError("socket", syscall.EMFILE))}
	other := errors.New("refused")
	f := func(by, done time.Duration, failures int, then error, tries, asked int) {
		t.Helper()
		for _, missing := range short {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				var end time.Time
				if by > 0 {
					end = time.Now().Add(by)
				}
				if done > 0 {
					time.AfterFunc(done, cancel)
				}
				gotTries, gotAsked := 0, 0
				p := Pool{Server: Server{Exhausted: func() { gotAsked++ }}}
				err := p.Patiently(ctx, end, func() error {
					if gotTries++; gotTries <= failures {
						return missing
					}
					return then
				})
				want := then
				if tries <= failures {
					want = missing
				}
				if err != want || gotTries != tries || gotAsked != asked {
					t.Errorf("by %v, done after %v, %d failures: %v after %d tries, room asked for %d times, want %v, %d, %d",
						by, done, failures, err, gotTries, gotAsked, want, tries, asked)
				}
			})
		}
	}
	const ms = time.Millisecond
	f(0, 0, 0, nil, 1, 0)
	f(0, 0, 0, other, 1, 0)
	f(0, 0, 3, nil, 4, 3)
	f(0, 0, 3, other, 4, 3)
	f(0, 0, 15, nil, 16, 15)
	f(0, 0, 16, nil, 16, 16)
	f(time.Minute, 0, 16, nil, 16, 16)
	f(50*ms, 0, 9, nil, 3, 3)
	f(ms, 0, 9, nil, 1, 1)
	f(0, 50*ms, 9, nil, 3, 3)
	f(0, ms, 9, nil, 1, 1)

	synctest.Test(t, func(t *testing.T) {
		p, tries := Pool{}, 0
		err := p.Patiently(t.Context(), time.Time{}, func() error {
			if tries++; tries == 1 {
				return syscall.EMFILE
			}
			return nil
		})
		if err != nil || tries != 2 {
			t.Errorf("without a function that makes room: %v after %d tries, want success after 2", err, tries)
		}
	})
}
