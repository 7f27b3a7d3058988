package upstream

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// This file is about descriptors, of which a process has only so many. What makes a connection to an endpoint waits a moment
// for one: clients that are silent, and connections that are kept for later, make room meanwhile. And it leaves the last ones
// for what has to work in any case, such as the admin listener and reloads.

const (
	descriptorPatience = 300 * time.Millisecond
	descriptorPause    = 20 * time.Millisecond
)

// dial makes a connection before by.
func (e *Endpoint) dial(ctx context.Context, by time.Time) (nc net.Conn, err error) {
	d := net.Dialer{Deadline: by, KeepAlive: 30 * time.Second, Control: e.leaveSpare}
	err = e.Patiently(ctx, by, func() error {
		nc, err = d.DialContext(ctx, e.Address.Network, e.Address.Dial)
		return err
	})
	return nc, err
}

// leaveSpare refuses to connect a socket whose descriptor is one of those that are spared. A new descriptor has the least number
// that is free, so those below are in use.
func (e *Endpoint) leaveSpare(_, _ string, raw syscall.RawConn) (err error) {
	if most := e.opts.Descriptors; most > 0 {
		raw.Control(func(fd uintptr) { // a dead socket shows when it connects
			if fd >= uintptr(most) {
				err = os.NewSyscallError("socket", syscall.EMFILE)
			}
		})
	}
	return err
}

// Patiently calls try, and as long as that fails because this process or machine has no descriptors calls it again, for 0.3 s, until
// by, or until ctx is done. It returns try's last error.
func (e *Endpoint) Patiently(ctx context.Context, by time.Time, try func() error) error {
	end := time.Now().Add(descriptorPatience)
	if !by.IsZero() && by.Before(end) {
		end = by
	}
	for {
		err := try()
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return err
		}
		if short := e.upstream.Short; short != nil {
			short()
		}
		if time.Now().Add(descriptorPause).After(end) {
			return err
		}
		pause := time.NewTimer(descriptorPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// Spare closes the connections that have been idle longest, half of them: descriptors are needed.
func (u *Upstream) Spare() {
	for _, e := range u.Endpoints() {
		e.mu.Lock()
		n := (len(e.idle) + 1) / 2
		for _, c := range e.idle[:n] {
			c.Close() // it was idle
		}
		e.idle = append(e.idle[:0], e.idle[n:]...)
		e.mu.Unlock()
	}
}
