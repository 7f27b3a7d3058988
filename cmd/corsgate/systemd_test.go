//go:build linux

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// bound returns a listener, and its socket as a file, until the test ends. As those of systemd it is not one of Multipath TCP.
func bound(t *testing.T) (*net.TCPListener, *os.File) {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	ln, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return ln.(*net.TCPListener), file
}

// activated returns a command that serves the file at path on a socket of systemd's.
func activated(t *testing.T, socket *os.File, name, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve --config "$1"`, self, path)
	c.Env = append(os.Environ(), asCorsgate+"=1", "LISTEN_FDNAMES="+name)
	c.ExtraFiles = []*os.File{socket}
	return c
}

// TestTakeOver: a second instance on the same socket takes over from the first, again and again, and no request is lost.
func TestTakeOver(t *testing.T) {
	ln, file := bound(t)
	path := write(t, "[listener.a]\naddress = \"systemd:edge\"\n[admin]\naddress = \"off\"\n"+rushed(newUp(t), "here"))
	start := func() *exec.Cmd {
		c := activated(t, file, "edge", path)
		log, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Kill() })
		lines := bufio.NewScanner(log)
		for !strings.Contains(lines.Text(), `"msg":"serving"`) {
			if !lines.Scan() {
				t.Fatal("it does not serve")
			}
			t.Log(lines.Text())
		}
		go io.Copy(io.Discard, log)
		return c
	}
	first := start()
	r := newRush(t, "http://"+ln.Addr().String(), 2)
	for range 10 {
		next := start()
		if err := first.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := first.Wait(); err != nil {
			t.Errorf("the one that was relieved: %v", err)
		}
		first = next
	}
	r.ends(500)
	first.Process.Signal(syscall.SIGTERM)
	if err := first.Wait(); err != nil {
		t.Error(err)
	}
}

// TestSystemdSocket: a socket that systemd has bound is served, by name. The shell stands for systemd: it knows the
// process id that the environment has to name.
func TestSystemdSocket(t *testing.T) {
	ln, file := bound(t)
	path := write(t, "[listener.a]\naddress = \"systemd:edge\"\n[admin]\naddress = \"off\"\n[route.all]\nrespond = { body = \"hello\" }\n")
	start := func(name string) *exec.Cmd { return activated(t, file, name, path) }
	c := start("edge")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get("http://" + ln.Addr().String()) // it waits in the backlog until the process is there
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if string(body) != "hello" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	res.Body.Close()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	out, err := start("other").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), path+":2: listener.a.address: ") || !strings.Contains(string(out), "no socket named edge") {
		t.Errorf("%s%v", out, err)
	}
}
