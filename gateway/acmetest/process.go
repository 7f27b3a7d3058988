package acmetest

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A process is gateway/internal/doubles/pebble, which says what is written to it and what it answers.
type process struct {
	address string // of its HTTP server
	root    *x509.Certificate

	mu     sync.Mutex // guards the following
	stdin  io.Writer
	stdout *bufio.Reader
}

var program = sync.OnceValues(func() (string, error) { return tooltest.Double("pebble") })

// start starts it with some arguments. It ends with the test.
func (p *process) start(t testing.TB, args ...string) {
	t.Helper()
	path, err := program()
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
			t.Errorf("pebble: %v", err)
		}
	})
	p.stdin, p.stdout = stdin, bufio.NewReader(stdout)
	p.address = p.line(t)
	der, err := base64.StdEncoding.DecodeString(p.line(t))
	if err != nil {
		t.Fatal(err)
	}
	if p.root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
}

// tell writes a line and waits until it was obeyed.
func (p *process) tell(t testing.TB, line string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.stdin, line); err != nil {
		t.Fatalf("pebble: %v", err)
	}
	if got := p.line(t); got != "ok" {
		t.Fatalf("pebble answers %q, want ok", got)
	}
}

func (p *process) line(t testing.TB) string {
	t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("pebble: %v", err)
	}
	return strings.TrimSpace(line)
}
