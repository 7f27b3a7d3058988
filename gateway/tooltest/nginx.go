package tooltest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Nginx runs nginx until the test ends, with what lines returns in its http block for an address of loopback to listen on. It
// returns the port of that. Without nginx it calls [Missing].
func Nginx(t testing.TB, lines func(address string) string) (port string) {
	t.Helper()
	path := Find(t, "nginx")
	for {
		address := FreePort(t)
		said, ok := startNginx(t, path, address, lines(address))
		if ok {
			_, port, _ = net.SplitHostPort(address)
			return port
		}
		if !strings.Contains(said, "Address already in use") { // by a socket that was quicker
			t.Fatalf("nginx has ended:\n%s\n%s", said, lines(address))
		}
	}
}

// startNginx reports whether nginx answers at address, or else what it said before it ended.
func startNginx(t testing.TB, path, address, lines string) (said string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // nginx gives up root's rights
		t.Fatal(err)
	}
	text := fmt.Sprintf("daemon off;\nmaster_process off;\npid %[1]s/pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/a;\nproxy_temp_path %[1]s/b;\nfastcgi_temp_path %[1]s/c;\nuwsgi_temp_path %[1]s/d;\nscgi_temp_path %[1]s/e;\n%[2]s\n}\n",
		dir, lines)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder // read when nginx has ended
	nginx := exec.Command(path, "-c", file, "-p", dir, "-e", "stderr")
	nginx.Stderr = &log
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		nginx.Wait() // it is interrupted
		close(ended)
	}()
	t.Cleanup(func() {
		nginx.Process.Signal(os.Interrupt) // it may have ended
		<-ended
		if t.Failed() {
			t.Logf("nginx says:\n%s", log.String())
		}
	})
	for {
		select {
		case <-ended:
			return log.String(), false
		case <-time.After(10 * time.Millisecond):
		}
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close() // it has answered
			return "", true
		}
	}
}
