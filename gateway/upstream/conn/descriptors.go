package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// This file is about descriptors, whose number is limited for a process. A new connection to a server waits a moment
// for one: in that time, silent clients and idle connections make room. And it leaves the last ones
// for functions that must always work, such as the admin listener and reloads.

const (
	descriptorPatience = 300 * time.Millisecond
	descriptorPause    = 20 * time.Millisecond
)

// Dial makes a connection before by. It does not speak TLS and sends no PROXY header.
func (p *Pool) Dial(ctx context.Context, by time.Time) (nc net.Conn, err error) {
	d := net.Dialer{Deadline: by, KeepAlive: 30 * time.Second, Control: p.leaveSpare}
	err = p.Patiently(ctx, by, func() error {
		nc, err = d.DialContext(ctx, p.Server.Network, p.Server.Address)
		return err
	})
	return nc, err
}

// leaveSpare refuses to connect a socket whose descriptor is one of those that are spared. A
// new descriptor has the least number that is free, so those below are in use.
func (p *Pool) leaveSpare(_, _ string, raw syscall.RawConn) (err error) {
	if most := p.Server.Descriptors; most > 0 {
		raw.Control(func(fd uintptr) { // a dead socket shows when it connects
			if fd >= uintptr(most) {
				err = os.NewSyscallError("socket", syscall.EMFILE)
			}
		})
	}
	return err
}

// Patiently calls try, and as long as that fails because this process or machine has no
// descriptors calls it again, for 0.3 s, until by, or until ctx is done. It returns try's last
// error.
func (p *Pool) Patiently(ctx context.Context, by time.Time, try func() error) error {
	end := time.Now().Add(descriptorPatience)
	if !by.IsZero() && by.Before(end) {
		end = by
	}
	for {
		err := try()
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return err
		}
		if p.Server.Exhausted != nil {
			p.Server.Exhausted()
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
