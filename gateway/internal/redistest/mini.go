package redistest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A Mini is miniredis: the program gateway/internal/doubles/miniredis. It ends with its test.
type Mini struct {
	Address string // "127.0.0.1:port"

	t      testing.TB
	stdin  io.Writer
	stdout *bufio.Reader
}

var program = sync.OnceValues(func() (string, error) { return tooltest.Double("miniredis") })

// StartMini starts one.
func StartMini(t testing.TB) *Mini {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
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
			t.Errorf("miniredis: %v", err)
		}
	})
	m := &Mini{t: t, stdin: stdin, stdout: bufio.NewReader(stdout)}
	m.Address = m.line()
	return m
}

// RequireAuth sets the password that clients must give from now on.
func (m *Mini) RequireAuth(password string) {
	m.t.Helper()
	if _, err := fmt.Fprintln(m.stdin, password); err != nil {
		m.t.Fatalf("miniredis: %v", err)
	}
	if got := m.line(); got != "ok" {
		m.t.Fatalf("miniredis answers %q, want ok", got)
	}
}

func (m *Mini) line() string {
	m.t.Helper()
	line, err := m.stdout.ReadString('\n')
	if err != nil {
		m.t.Fatalf("miniredis: %v", err)
	}
	return strings.TrimSpace(line)
}
