//go:build linux

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
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDescriptors: a gateway that runs out of descriptors all the same, because they were taken from it, finishes what it has begun, waits without being busy, says so once
// a second, and goes on when the rush is over. Nothing is held against an upstream that could not be asked.
func TestDescriptors(t *testing.T) {
	for _, engine := range []string{"auto", "fasthttp"} {
		t.Run(engine, func(t *testing.T) { runShort(t, engine) })
	}
}

func runShort(t *testing.T, engine string) {
	up := newSlow(t)
	path := filepath.Join(t.TempDir(), "corsgate.toml")
	text := strings.Replace(loopback, "[admin]", fmt.Sprintf("engine = %q\n[admin]", engine), 1) +
		"[limits]\nconnections = 10000\n[upstream.up]\nendpoints = [\"" + up.url + "\"]\n" +
		"[route.here]\npath = \"/here\"\nrespond = { body = \"here\" }\n[route.there]\nupstream = \"up\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := beginWith(t, exec.CommandContext(t.Context(), os.Args[0], "serve", "--config", path), nil)
	c.listens()
	// With fewer from the start it would have fewer clients; see TestSpareDescriptors in package gateway.
	if err := unix.Prlimit(c.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 96, Max: 96}, nil); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(c.gateway, "http://")

	type answer struct {
		status  int
		content string
		err     error
	}
	ask := func(nc net.Conn, target string) (a answer) {
		nc.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target)
		res, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			return answer{err: err}
		}
		b, err := io.ReadAll(res.Body)
		return answer{res.StatusCode, string(b), err}
	}
	open := func() net.Conn {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		return nc
	}

	early, late := open(), make(chan answer, 1)
	go func() { late <- ask(early, "/there") }()
	<-up.asked
	var rush []net.Conn
	for range 500 {
		nc := open()
		io.WriteString(nc, "GET /here HTTP/1.1\r\nHost: h\r\n\r\n")
		rush = append(rush, nc)
	}
	start := time.Now()
	c.await("connections cannot be accepted")
	if a := ask(rush[0], "/there"); a.status != 200 || a.content != "here" {
		t.Fatalf("the first of the rush: %+v", a) // the answer to what it has asked before
	}
	// By now it has asked for /there, which needs a descriptor more than there are.
	before, rested := cpuTime(t, c.cmd.Process.Pid), time.Now()
	time.Sleep(time.Second)
	if busy, rest := cpuTime(t, c.cmd.Process.Pid)-before, time.Since(rested); busy > rest/2 {
		t.Errorf("it was busy for %v of %v in which there was nothing to do", busy, rest)
	}
	close(up.release)
	if a := <-late; a.status != 200 || a.content != "late" {
		t.Errorf("what had begun before: %+v", a)
	}
	for _, nc := range rush {
		nc.Close()
	}
	over := time.Now()
	for _, target := range []string{"/here", "/there"} {
		a := ask(open(), target)
		for a.status != 200 && time.Since(over) < time.Minute { // it sees that they have gone one by one
			a = ask(open(), target)
		}
		if a.status != 200 {
			t.Errorf("%s after the rush: %+v", target, a)
		}
	}
	t.Logf("recovered after %v", time.Since(over))

	c.signal(15)
	said := 1
	for c.log.Scan() {
		if strings.Contains(c.log.Text(), "connections cannot be accepted") {
			said++
		}
		if strings.Contains(c.log.Text(), "ejected") {
			t.Error(c.log.Text())
		}
	}
	if most := 2 + int(time.Since(start)/time.Second); said > most {
		t.Errorf("it was said %d times in %v", said, time.Since(start))
	}
	c.ends(0)
}

// cpuTime returns how long a process has been busy, to the hundredth of a second.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	ticks := 0
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
