package tooltest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// A Process is one of the servers that [Double] builds, which is told line by line what to do, and answers. It ends with its
// test. It is safe for concurrent use.
type Process struct {
	t    testing.TB
	name string

	mu     sync.Mutex // guards the following
	stdin  io.Writer
	stdout *bufio.Reader
}

var programs sync.Map // of a name to what returns its path and an error

// StartDouble starts a server of gateway/internal/doubles.
func StartDouble(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	built, _ := programs.LoadOrStore(name, sync.OnceValues(func() (string, error) { return Double(name) }))
	path, err := built.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // which ends it
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return &Process{t: t, name: name, stdin: stdin, stdout: bufio.NewReader(stdout)}
}

// Line returns the next line that the process says.
func (p *Process) Line() string {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line()
}

// Tell writes a line, and waits until the process has obeyed.
func (p *Process) Tell(line string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	if got := p.line(); got != "ok" {
		p.t.Fatalf("%s answers %q, want ok", p.name, got)
	}
}

func (p *Process) line() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return strings.TrimSpace(line)
}
