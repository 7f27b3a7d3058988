//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Process is a child that runs until Stop. It is the leader of a process group, so that nothing of it survives.
type Process struct {
	Name string
	Pid  int
	Port int // on 127.0.0.1

	cmd  *exec.Cmd
	log  string        // path of what it printed
	done chan struct{} // closed when it was waited for
}

// startPinned starts cmd on one CPU; -1 is any. A child inherits the affinity of the thread that starts it, so no
// moment passes in which it runs elsewhere, and none of its threads escapes.
func startPinned(cmd *exec.Cmd, cpu int) error {
	if cpu < 0 {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read CPU affinity: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	defer unix.SchedSetaffinity(0, &before) // these CPUs were allowed a moment ago
	return cmd.Start()
}

// startServer starts argv on a CPU and waits until something accepts on port. What it prints goes to a file in dir.
func startServer(ctx context.Context, dir, name string, cpu, port int, timeout time.Duration, env, argv []string) (*Process, error) {
	path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".log")
	log, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startPinned(cmd, cpu); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, Pid: cmd.Process.Pid, Port: port, cmd: cmd, log: path, done: make(chan struct{})}
	go func() { cmd.Wait(); close(p.done) }() // how it ended is told by its log
	if err := p.waitReady(ctx, timeout); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// waitReady returns when p accepts connections.
func (p *Process) waitReady(ctx context.Context, timeout time.Duration) error {
	late := time.NewTimer(timeout)
	defer late.Stop()
	try := time.NewTicker(20 * time.Millisecond)
	defer try.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return fmt.Errorf("%s ended at once: %s", p.Name, p.lastWords())
		case <-late.C:
			return fmt.Errorf("%s was not ready after %v %s", p.Name, timeout, p.lastWords())
		case <-try.C:
			if c, err := net.DialTimeout("tcp", address(p.Port), 200*time.Millisecond); err == nil {
				return c.Close()
			}
		}
	}
}

// Stop ends p: by SIGTERM, after five seconds by SIGKILL to its whole group. It may be called again.
func (p *Process) Stop() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
	}
	syscall.Kill(-p.Pid, syscall.SIGKILL) // most often nothing of it is left
	<-p.done
}

func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		p.cmd.Process.Signal(s) // it may end meanwhile
	}
}

// lastWords returns the end of what p printed, in one line.
func (p *Process) lastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	text = bytes.TrimSpace(text)
	return strings.Join(strings.Fields(string(text[max(0, len(text)-400):])), " ")
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// freePort returns a port without a listener. Another program may bind it before it is used: then the server
// does not start, and says so.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// runPinned runs argv on a CPU to its end, with input, and returns what it printed to stdout and the CPU time that
// it used. When ctx is done its
// process group is killed.
func runPinned(ctx context.Context, cpu int, input []byte, argv []string) ([]byte, time.Duration, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startPinned(cmd, cpu); err != nil {
		return nil, 0, err
	}
	stop := context.AfterFunc(ctx, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }) // it may have ended
	defer stop()
	err := cmd.Wait()
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, 0, fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, strings.TrimSpace(complaints.String()))
	}
	return out.Bytes(), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}
