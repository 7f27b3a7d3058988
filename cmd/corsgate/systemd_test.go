//go:build linux

package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSystemdSocket: a socket that systemd has bound is served, by name. The shell stands for systemd: it knows the
// process id that the environment has to name.
func TestSystemdSocket(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	path := write(t, "[listener.a]\naddress = \"systemd:edge\"\n[admin]\naddress = \"off\"\n[route.all]\nrespond = { body = \"hello\" }\n")
	start := func(name string) *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve --config "$1"`, self, path)
		c.Env = append(os.Environ(), asCorsgate+"=1", "LISTEN_FDNAMES="+name)
		c.ExtraFiles = []*os.File{file}
		return c
	}
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
