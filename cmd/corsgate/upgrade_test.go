//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	takenOver    = "upgraded: the new process serves, and this one drains"
	notTakenOver = "not upgraded: this process continues"
)

// begun starts a command line of program whose log outlives the process: a successor writes to it too. Who
// is the last of them is ended with the test.
func begun(t *testing.T, program string, env []string, args ...string) *child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	t.Cleanup(func() { r.Close() })
	c := &child{t: t, cmd: exec.CommandContext(t.Context(), program, args...), stderr: r, log: bufio.NewScanner(r)}
	c.cmd.Env = append(append(os.Environ(), asCorsgate+"=1"), env...)
	c.cmd.Stderr = w
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.cmd.Wait() })
	c.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return c
}

// An upgrading is a gateway that is started by a path of its own, so that the test can put another binary there.
type upgrading struct {
	*child
	program string
	pid     int
}

func newUpgrading(t *testing.T, text string, env ...string) *upgrading {
	t.Helper()
	u := &upgrading{program: filepath.Join(t.TempDir(), "corsgate")}
	u.put(t, "")
	u.child = begun(t, u.program, env, "serve", "--config", write(t, text))
	u.pid = u.cmd.Process.Pid
	t.Cleanup(func() {
		if u.pid != u.cmd.Process.Pid {
			syscall.Kill(u.pid, syscall.SIGKILL)
		}
	})
	return u
}

// put makes the program a script, or for "" corsgate itself.
func (u *upgrading) put(t *testing.T, script string) {
	t.Helper()
	next := u.program + ".new"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if script == "" {
		err = os.Symlink(self, next)
	} else {
		err = os.WriteFile(next, []byte("#!/bin/sh\n"+strings.ReplaceAll(script, "CORSGATE", self)+"\n"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, u.program); err != nil {
		t.Fatal(err)
	}
}

func (u *upgrading) send(s syscall.Signal) {
	u.t.Helper()
	if err := syscall.Kill(u.pid, s); err != nil {
		u.t.Fatal(err)
	}
}

// upgrades replaces the process.
func (u *upgrading) upgrades() {
	u.t.Helper()
	u.send(syscall.SIGUSR2)
	u.pid = u.await(takenOver).Pid
}

// finish ends the process, and returns how many have stopped well since the log was last looked at.
func (u *upgrading) finish() (stopped int) {
	u.t.Helper()
	u.send(syscall.SIGTERM)
	for u.log.Scan() {
		if strings.Contains(u.log.Text(), `"msg":"stopped"`) {
			stopped++
		}
	}
	u.cmd.Wait()
	if code := u.cmd.ProcessState.ExitCode(); code != 0 {
		u.t.Errorf("the first process ended with %d", code)
	}
	return stopped
}

// TestUpgradeUnderLoad: twenty upgrades cost no request: nobody is refused, reset, or left without an answer.
func TestUpgradeUnderLoad(t *testing.T) {
	u := newUpgrading(t, loopback+rushed(newUp(t), "here"))
	u.listens()
	r := newRush(t, u.gateway, 2)
	for range 20 {
		before := r.answered.Load()
		u.upgrades()
		for r.answered.Load() < before+20 && r.failed.Load() == 0 { // some of the next
			_, _ = u.fetch("GET", u.gateway+"/here")
		}
		u.want("GET", u.admin+"/readyz", 200, "ready")
		u.await("stopped")
	}
	r.ends(500)
	if n := u.finish(); n != 1 {
		t.Errorf("%d processes stopped well in the end, want 1", n)
	}
}

// TestUpgradeFails: a successor that does not come to serve changes nothing.
func TestUpgradeFails(t *testing.T) {
	dir := t.TempDir()
	unix := filepath.Join(dir, "edge.sock")
	text := fmt.Sprintf("[listener.http]\naddress = \"127.0.0.1:0\"\n[listener.unix]\naddress = %q\n[admin]\naddress = %q\n[route.all]\nrespond = { body = \"here\" }\n",
		"unix:"+unix, "unix:"+filepath.Join(dir, "admin.sock"))
	u := newUpgrading(t, text, impatient+"=1")
	u.gateway = "http://" + u.await("listening").Address
	u.await("serving")
	serves := func() {
		t.Helper()
		u.want("GET", u.gateway, 200, "here")
		for _, path := range []string{unix, filepath.Join(dir, "admin.sock")} {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 ") {
				t.Errorf("%s: %q, %v", path, b, err)
			}
			c.Close()
		}
	}
	f := func(script, want string) {
		t.Helper()
		u.put(t, script)
		u.send(syscall.SIGUSR2)
		if r := u.await(notTakenOver); !strings.Contains(r.Error, want) {
			t.Errorf("%s: %q, want %q", script, r.Error, want)
		}
		serves()
	}
	f("exit 3", "ended before it served: exit status 3")
	f("kill -9 $$", "ended before it served: signal: killed")
	f("exec 3>&-; exit 0", "ended before it served")
	f("exec CORSGATE serve --config /no/such/file", "ended before it served: exit status 2")
	f("exec 5</dev/null; exec CORSGATE \"$@\"", "ended before it served: exit status 1") // what it was given is no socket
	f("exec sleep 600", "did not serve within 500ms")
	f("exit 0", "ended before it served: exit status 0")
	u.put(t, "exit 0")
	os.Chmod(u.program, 0o600)
	u.send(syscall.SIGUSR2)
	if r := u.await(notTakenOver); !strings.Contains(r.Error, "permission denied") {
		t.Errorf("not executable: %q", r.Error)
	}
	os.Remove(u.program)
	u.send(syscall.SIGUSR2)
	u.await(notTakenOver)
	serves()

	// A second signal while one is under way.
	u.put(t, "exec sleep 600")
	u.send(syscall.SIGUSR2)
	u.await("upgrading")
	u.send(syscall.SIGUSR2)
	u.await("an upgrade is under way already")
	u.await(notTakenOver)

	// A stop while one is under way ends both.
	u.send(syscall.SIGUSR2)
	u.await("upgrading")
	if n := u.finish(); n != 1 {
		t.Errorf("%d processes stopped well, want 1", n)
	}
}

// TestUpgradeSockets: all sockets are handed over, whatever they are and however many loops there are on either
// side, and the last process removes those that are files.
func TestUpgradeSockets(t *testing.T) {
	dir := t.TempDir()
	unix := filepath.Join(dir, "edge.sock")
	text := fmt.Sprintf("%s[listener.plain]\naddress = \"127.0.0.1:0\"\nengine = \"fasthttp\"\n[listener.unix]\naddress = %q\n[route.all]\nrespond = { body = \"here\" }\n",
		loopback, "unix:"+unix)
	u := newUpgrading(t, text, "GOMAXPROCS=2")
	first, plain := u.await("listening").Address, u.await("listening").Address
	u.await("listening")
	u.admin = "http://" + u.await("listening").Address
	serves := func() {
		t.Helper()
		for range 16 {
			u.want("GET", "http://"+first, 200, "here")
			u.want("GET", "http://"+plain, 200, "here")
		}
		u.want("GET", u.admin+"/readyz", 200, "ready")
		c, err := net.Dial("unix", unix)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		if b, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(b), "here") {
			t.Errorf("%q, %v", b, err)
		}
	}
	serves()
	for _, loops := range []int{1, 3, 2} {
		u.put(t, fmt.Sprintf("GOMAXPROCS=%d exec CORSGATE \"$@\"", loops))
		u.upgrades()
		u.await("stopped")
		serves()
	}
	if n := u.finish(); n != 1 {
		t.Errorf("%d processes stopped well in the end, want 1", n)
	}
	if _, err := os.Lstat(unix); err == nil {
		t.Error("the Unix socket was left")
	}
}

// TestUpgradeTunnel: a tunnel through the old process goes on while the new one serves everybody else.
func TestUpgradeTunnel(t *testing.T) {
	u := newUpgrading(t, loopback+rushed(newUp(t), "here"))
	u.listens()
	w := newTunnel(t, u.gateway)
	u.upgrades()
	w.echoes(t)
	u.want("GET", u.gateway+"/here", 200, "here")
	w.echoes(t)
	w.Close()
	u.await("stopped")
	u.finish()
}
