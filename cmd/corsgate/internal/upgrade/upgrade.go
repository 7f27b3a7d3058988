// Package upgrade replaces the process by one that runs another binary. The rules are:
//
//   - the successor accepts on the very same sockets, so that no connection is refused or lost;
//   - it reports over a pipe that it serves, and only then does this process drain and end;
//   - if it does not, for whatever reason, nothing has changed but the log.
package upgrade

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

const (
	// variable is the environment variable that describes to a successor, in JSON, the listening sockets that it inherits
	// as descriptors from firstSocket on. The pipe is the descriptor before them.
	variable    = "CORSGATE_SUCCESSOR"
	readyPipe   = 3
	firstSocket = readyPipe + 1
)

// Patience is how long a successor may take to serve. Tests shorten it.
var Patience = time.Minute

// program returns the path that this process was started from. It is determined at the start, before an upgrade puts
// another file there.
func program() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", err
	}
	return filepath.Abs(path)
}

// An Upgrade is a successor that was started and does not serve yet.
type Upgrade struct {
	Cancel context.CancelFunc
	Result chan Outcome // has one, in any case
}

// An Outcome is how an Upgrade ended.
type Outcome struct {
	PID int
	Err error // why the successor does not serve
}

// An Upgrader replaces the process.
type Upgrader struct {
	program string // the binary
	sockets func() ([]listen.Socket, error)
	log     *slog.Logger
}

// New returns an Upgrader that hands over duplicates of sockets, which it closes, also those that come with an error.
func New(sockets func() ([]listen.Socket, error), log *slog.Logger) (u Upgrader, err error) {
	u.sockets, u.log = sockets, log
	u.program, err = program()
	return u, err
}

// Start starts a successor.
func (r Upgrader) Start() *Upgrade {
	r.log.Info("upgrading", "program", r.program)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	u := &Upgrade{cancel, make(chan Outcome, 1)}
	go func() {
		defer cancel()
		pid, err := r.succeed(ctx)
		u.Result <- Outcome{pid, err}
	}()
	return u
}

// succeed starts a successor and waits until it serves. If it does not, it is killed.
func (r Upgrader) succeed(ctx context.Context) (pid int, err error) {
	if os.Getpid() == 1 {
		return 0, errors.New("this is process 1, and its container ends with it: start a new container instead")
	}
	sockets, err := r.sockets()
	defer func() {
		for _, s := range sockets {
			s.File.Close() // a duplicate
		}
	}()
	if err != nil {
		return 0, err
	}
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
	c.Env = append(environment(os.Environ()), variable+"="+string(text))
	err = c.Start()
	said.Close() // the successor has its own
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Unix(1, 0)) }) // a pipe can have one
	defer stop()
	if n, _ := ready.Read(make([]byte, 1)); n == 1 {
		pid := c.Process.Pid
		go c.Wait() // in case it ends before this process
		return pid, nil
	}
	late := ctx.Err()
	c.Process.Kill() // fails if it has ended
	c.Wait()         // see ProcessState
	switch {
	case errors.Is(late, context.DeadlineExceeded):
		return 0, fmt.Errorf("%s did not serve within %v", r.program, Patience)
	case late != nil:
		return 0, errors.New("a stop was requested in the meantime")
	}
	return 0, fmt.Errorf("%s ended before it served: %v", r.program, c.ProcessState)
}

// environment removes the variables that are for this process only: those of systemd's sockets, which are handed over with
// the others, and of its watchdog.
func environment(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "LISTEN_PID" || name == "LISTEN_FDS" || name == "LISTEN_FDNAMES" || name == "WATCHDOG_PID"
	})
}
