//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A child is a corsgate of its own, in a process of its own. Its log is read line by line: tests
// wait for what it says, not for time to pass.
type child struct {
	t       *testing.T
	cmd     *exec.Cmd
	log     *bufio.Scanner
	stderr  *os.File // what log reads
	gateway string   // "http://host:port"
	admin   string
	client  *http.Client
}

// record is a line of the log.
type record struct {
	Msg, Error, Listener, Address, Dashboard string
	Pid                                      int
}

// spawn starts corsgate serve, and returns when it listens. The configuration at path must have
// an admin listener.
func spawn(t *testing.T, path string) *child {
	t.Helper()
	c := begin(t, path)
	c.listens()
	return c
}

// listens waits until c listens.
func (c *child) listens() {
	c.t.Helper()
	c.gateway = "http://" + c.await("listening").Address
	c.admin = "http://" + c.await("listening").Address
}

// begin starts corsgate serve.
func begin(t *testing.T, path string) *child {
	t.Helper()
	return beginTo(t, path, nil)
}

// beginTo starts corsgate serve with the given stdout, or none.
func beginTo(t *testing.T, path string, stdout *os.File) *child {
	t.Helper()
	return beginWith(t, exec.CommandContext(t.Context(), os.Args[0], "serve", "--config", path), stdout)
}

// beginWith starts corsgate by a command.
func beginWith(t *testing.T, cmd *exec.Cmd, stdout *os.File) *child {
	t.Helper()
	c := &child{t: t, cmd: cmd}
	c.cmd.Env = append(os.Environ(), asCorsgate+"=1")
	if stdout != nil {
		c.cmd.Stdout = stdout
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stderr = stderr.(*os.File)
	c.log = bufio.NewScanner(stderr)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	c.client = &http.Client{Transport: transport}
	return c
}

// await reads the log up to a message, for at most two minutes.
func (c *child) await(msg string) record {
	c.t.Helper()
	if err := c.stderr.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		c.t.Fatal(err)
	}
	defer c.stderr.SetReadDeadline(time.Time{}) // the one before was accepted
	var seen []string
	for c.log.Scan() {
		var r record
		if err := json.Unmarshal(c.log.Bytes(), &r); err == nil && r.Msg == msg {
			return r
		}
		seen = append(seen, c.log.Text())
	}
	c.t.Fatalf("the log has no %q (%v):\n%s", msg, c.log.Err(), strings.Join(seen, "\n"))
	return record{}
}

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// ends waits for the process's end, and checks its status.
func (c *child) ends(status int) {
	c.t.Helper()
	var rest []string
	for c.log.Scan() {
		rest = append(rest, c.log.Text())
	}
	c.cmd.Wait() // the status tells
	if got := c.cmd.ProcessState.ExitCode(); got != status {
		c.t.Errorf("exit status %d, want %d\n%s", got, status, strings.Join(rest, "\n"))
	}
}

// fetch makes a request and returns the status and the content.
func (c *child) fetch(method, url string) (int, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (c *child) want(method, url string, status int, part string) {
	c.t.Helper()
	if got, text := c.fetch(method, url); got != status || !strings.Contains(text, part) {
		c.t.Errorf("%s %s: %d %q, want %d with %q", method, url, got, text, status, part)
	}
}

// loopback begins a configuration whose listeners choose their ports.
const loopback = `[listener.http]
address = "127.0.0.1:0"
[admin]
address = "127.0.0.1:0"
`

// saying is a configuration that answers every request with body.
func saying(body string) string {
	return fmt.Sprintf("%s[route.all]\nrespond = { body = %q }\n", loopback, body)
}

// forwarding is a configuration that forwards to upstream.
func forwarding(upstream, shutdown string) string {
	return fmt.Sprintf("%s[timeouts]\nshutdown = %q\n[upstream.up]\nendpoints = [%q]\n[route.all]\nupstream = \"up\"\n", loopback, shutdown, upstream)
}

// slow is an upstream whose answers wait.
type slow struct {
	url     string
	asked   chan struct{} // has an element for each request that has come
	release chan struct{} // closed: answers go out
}

func newSlow(t *testing.T) *slow {
	t.Helper()
	s := &slow{asked: make(chan struct{}, 8), release: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked <- struct{}{}
		select {
		case <-s.release:
			io.WriteString(w, "late") // the test will see
		case <-r.Context().Done():
		}
	})}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }() // Close ends it
	t.Cleanup(func() { server.Close(); <-done })
	return s
}
