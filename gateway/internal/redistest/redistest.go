// Package redistest runs Redis for tests: the real server, or miniredis if it is not installed.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A Server is a redis-server on a port of loopback. It ends with its test.
type Server struct {
	// Address is "127.0.0.1:port". It stays over restarts.
	Address string

	t       testing.TB
	program string
	args    []string
	running *exec.Cmd
	ended   chan struct{}
}

// Start starts a redis-server that keeps nothing, with further arguments, in which PORT is its port, or skips t where there
// is none.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, program: tooltest.Find(t, "redis-server")}
	t.Cleanup(func() {
		if s.running != nil {
			s.Resume()
			s.Kill()
		}
	})
	why := ""
	for range 5 { // another process may be given the port meanwhile
		port := fmt.Sprint(freePort(t))
		s.Address = "127.0.0.1:" + port
		s.args = append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)
		for i := range s.args {
			if s.args[i] == "PORT" {
				s.args[i] = port
			}
		}
		if why = s.start(); why == "" {
			return s
		}
	}
	t.Fatalf("redis-server does not start: %s", why)
	return nil
}

// Restart starts the server again, after Kill. It knows nothing then.
func (s *Server) Restart() {
	s.t.Helper()
	if why := s.start(); why != "" {
		s.t.Fatalf("redis-server does not start again: %s", why)
	}
}

// start starts the server, and waits until it says that it is ready. If it ends instead, it returns what it said.
func (s *Server) start() (why string) {
	log := filepath.Join(s.t.TempDir(), "log")
	s.running = exec.Command(s.program, append(s.args, "--logfile", log)...)
	if err := s.running.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func(c *exec.Cmd) {
		c.Wait() // it is killed
		close(ended)
	}(s.running)
	s.ended = ended
	for {
		said, _ := os.ReadFile(log) // it is not there at once
		if strings.Contains(string(said), "Ready to accept connections") {
			return ""
		}
		select {
		case <-ended:
			s.running = nil
			return string(said)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Kill ends the server at once.
func (s *Server) Kill() {
	s.running.Process.Kill() // it may have ended
	<-s.ended
	s.running = nil
}

// Pause stops the server: connections stay open, and no command is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	if err := s.running.Process.Signal(sig); err != nil {
		s.t.Error(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// Each runs f with each engine: the real one, where there is one, and miniredis.
func Each(t *testing.T, f func(t *testing.T, address string)) {
	t.Run("redis", func(t *testing.T) { f(t, Start(t).Address) })
	t.Run("miniredis", func(t *testing.T) { f(t, StartMini(t).Address) })
}
