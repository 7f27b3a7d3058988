package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/listen"
)

// This file replaces the process by one of another binary. The rules are:
//
//   - the successor accepts on the very same sockets, so that no connection is refused or lost;
//   - it says over a pipe that it serves, and only then does this process drain and end;
//   - if it does not, for whatever reason, nothing has changed but the log.

const (
	// successorVariable tells a successor what the descriptors are that it was given, in JSON: from
	// firstSocket on listening sockets, before them the pipe.
	successorVariable = "CORSGATE_SUCCESSOR"
	readyPipe         = 3
	firstSocket       = readyPipe + 1
	adminKey          = "admin"
	metricsKey        = "metrics"
)

// successorPatience is how long a successor may take to serve. Tests shorten it.
var successorPatience = time.Minute

// program returns the path that this process was started by. It is asked for before an upgrade puts
// another file there.
func program() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", err
	}
	return filepath.Abs(path)
}

// An upgrade is a successor on its way.
type upgrade struct {
	cancel context.CancelFunc
	result chan outcome
}

type outcome struct {
	pid int
	err error // why it does not serve
}

// An upgrader replaces the process.
type upgrader struct {
	program string // the binary
	sockets func() ([]listen.Socket, error)
	log     *slog.Logger
}

// newUpgrader returns what replaces p.
func newUpgrader(p *process) (u upgrader, err error) {
	u.sockets, u.log = p.sockets, p.log
	u.program, err = program()
	return u, err
}

// start starts a successor.
func (r upgrader) start() *upgrade {
	r.log.Info("upgrading", "program", r.program)
	ctx, cancel := context.WithTimeout(context.Background(), successorPatience)
	u := &upgrade{cancel, make(chan outcome, 1)}
	go func() {
		defer cancel()
		pid, err := r.succeed(ctx)
		u.result <- outcome{pid, err}
	}()
	return u
}

// succeed starts a successor and waits until it serves. If it does not, it is no more.
func (r upgrader) succeed(ctx context.Context) (pid int, err error) {
	if os.Getpid() == 1 {
		return 0, errors.New("this is process 1, and its container ends with it: start a new container instead")
	}
	sockets, err := r.sockets()
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, s := range sockets {
			s.File.Close() // a duplicate
		}
	}()
	ready, said, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer ready.Close()
	c := exec.Command(r.program, os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.ExtraFiles = []*os.File{said}
	places := make([]place, len(sockets))
	for i, s := range sockets {
		c.ExtraFiles = append(c.ExtraFiles, s.File)
		places[i] = place{s.Key, s.Address}
	}
	text, err := json.Marshal(places)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	c.Env = append(successorEnvironment(os.Environ()), successorVariable+"="+string(text))
	err = c.Start()
	said.Close() // the successor's goes on
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Unix(1, 0)) }) // a pipe can have one
	defer stop()
	if n, _ := ready.Read(make([]byte, 1)); n == 1 {
		pid := c.Process.Pid
		go c.Wait() // should it end before this process
		return pid, nil
	}
	late := ctx.Err()
	c.Process.Kill() // it may have ended
	c.Wait()         // its state tells
	switch {
	case errors.Is(late, context.DeadlineExceeded):
		return 0, fmt.Errorf("%s did not serve within %v", r.program, successorPatience)
	case late != nil:
		return 0, errors.New("a stop was requested in the meantime")
	}
	return 0, fmt.Errorf("%s ended before it served: %v", r.program, c.ProcessState)
}

// sockets returns duplicates of all listening sockets.
func (p *process) sockets() ([]listen.Socket, error) {
	list, err := p.gate.Sockets()
	if err != nil {
		return nil, err
	}
	for _, o := range p.operators.list {
		file, err := o.sockets.File(0)
		if err != nil {
			return nil, err
		}
		list = append(list, listen.Socket{Key: o.key, Address: string(o.address), File: file})
	}
	return list, nil
}

// successorEnvironment leaves out what was said of this process only: systemd's sockets, which are
// handed over with the others, and that the watchdog is for this process.
func successorEnvironment(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "LISTEN_PID" || name == "LISTEN_FDS" || name == "LISTEN_FDNAMES" || name == "WATCHDOG_PID"
	})
}

// upgraded acts on what became of a successor. It reports true if that has taken over.
func (p *process) upgraded(o outcome) bool {
	if o.err != nil {
		p.log.Error("not upgraded: this process continues", "error", o.err.Error())
		return false
	}
	p.handedOver.Store(true)
	p.systemd.replaced(o.pid)
	p.log.Info("upgraded: the new process serves, and this one drains", "pid", o.pid)
	return true
}
