//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/cli"
)

func TestServeReload(t *testing.T) {
	path := write(t, saying("one"))
	c := spawn(t, path)
	c.want("GET", c.gateway, 200, "one")
	c.want("GET", c.admin+"/readyz", 200, "ready")

	rewrite(t, path, saying("two"))
	c.signal(syscall.SIGHUP)
	c.await("configuration reloaded")
	c.want("GET", c.gateway, 200, "two")
	c.want("GET", c.admin+"/metrics", 200, "corsgate_config_last_reload_successful 1")
	c.want("GET", c.admin+"/config", 200, `"generation": 2`)

	// What is wrong is logged, all of it, and nothing changes.
	rewrite(t, path, loopback+"[timeouts]\nheader = 5\n[cors.app]\norigins = [\"https://A.example\"]\n[route.all]\ncors = \"app\"\nrespond = {}\n")
	c.signal(syscall.SIGHUP)
	for _, key := range []string{":6: timeouts.header: ", ":8: cors.app.origins: "} {
		if r := c.await("configuration not reloaded"); !strings.HasPrefix(r.Error, path+key) {
			t.Errorf("logged %q, want %s", r.Error, path+key)
		}
	}
	c.want("GET", c.gateway, 200, "two")
	c.want("GET", c.admin+"/metrics", 200, "corsgate_config_last_reload_successful 0")
	c.want("POST", c.admin+"/reload", 422, path+":8: cors.app.origins: ")

	// So it is when a file is fine, but needs a restart.
	rewrite(t, path, strings.Replace(saying("three"), "[admin]\naddress = \"127.0.0.1:0", "[admin]\naddress = \"127.0.0.1:1", 1))
	c.want("POST", c.admin+"/reload", 422, "cannot be changed by a reload")
	// And when it has gone.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.want("POST", c.admin+"/reload", 422, "no such file")
	c.want("GET", c.gateway, 200, "two")

	rewrite(t, path, saying("four"))
	c.want("POST", c.admin+"/reload", 200, "reloaded")
	c.want("GET", c.gateway, 200, "four")
	c.want("GET", c.admin+"/metrics", 200, "corsgate_config_last_reload_successful 1")
	c.signal(syscall.SIGTERM)
	c.await("stopped")
	c.ends(0)
}

// What is written to a file of origins is allowed at once, without a signal, and what is wrong with it is logged.
func TestServeOriginsFile(t *testing.T) {
	path := write(t, loopback+"[cors.app]\norigins_file = \"origins\"\nshadow = \"open\"\n[cors.open]\norigins = [\"*\"]\n"+
		"[route.all]\ncors = \"app\"\nrespond = {}\n")
	origins := filepath.Join(filepath.Dir(path), "origins")
	rewrite(t, origins, "https://a.example\n")
	c := spawn(t, path)
	ask := func(want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", c.gateway, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://b.example")
		res, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("Access-Control-Allow-Origin: %q, want %q", got, want)
		}
	}
	ask("")
	c.want("GET", c.admin+"/shadow", 200, `"origin": "https://b.example"`)
	c.want("GET", c.admin+"/refused", 200, `"origin": "https://b.example"`)
	rewrite(t, origins, "https://a.example\nhttps://b.example\n")
	c.await("origins reloaded")
	ask("https://b.example")
	rewrite(t, origins, "https://A.example\n")
	if r := c.await("origins not reloaded"); !strings.HasPrefix(r.Error, origins+":1: pattern ") {
		t.Errorf("logged %q", r.Error)
	}
	ask("https://b.example")
	c.signal(syscall.SIGTERM)
	c.ends(0)
}

// Signals that come at once are obeyed, if not one by one, and none ends the process.
func TestServeManySignals(t *testing.T) {
	path := write(t, saying("one"))
	c := spawn(t, path)
	rewrite(t, path, saying("two"))
	for range 50 {
		c.signal(syscall.SIGHUP)
	}
	c.await("configuration reloaded")
	c.want("GET", c.gateway, 200, "two")
	c.signal(syscall.SIGINT)
	c.ends(0)
}

// A signal that comes while the configuration is still being read is obeyed when that is done. The
// file is a pipe, so that the test decides how long the reading takes.
func TestServeEarlySignal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "corsgate.toml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// feed sends the signal, if any, when corsgate has begun to read, and then lets it read text.
	feed := func(c *child, s syscall.Signal, text string) {
		t.Helper()
		pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			t.Fatal(err)
		}
		defer pipe.Close()
		if s != 0 {
			c.signal(s)
		}
		if _, err := io.WriteString(pipe, text); err != nil {
			t.Fatal(err)
		}
	}
	c := begin(t, path)
	feed(c, syscall.SIGHUP, saying("one"))
	c.listens()
	feed(c, 0, saying("two"))
	c.await("configuration reloaded")
	c.want("GET", c.gateway, 200, "two")
	c.signal(syscall.SIGTERM)
	c.ends(0)

	c = begin(t, path)
	feed(c, syscall.SIGTERM, saying("one"))
	c.await("stopped")
	c.ends(0)
}

// drainBegun starts a gateway, a request that is under way, and a drain.
func drainBegun(t *testing.T, shutdown string) (c *child, s *slow, answer chan string) {
	t.Helper()
	s = newSlow(t)
	c = spawn(t, write(t, forwarding(s.url, shutdown)))
	answer = make(chan string, 1)
	go func() {
		res, err := c.client.Get(c.gateway)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		answer <- fmt.Sprint(res.StatusCode, " ", string(b), " ", err)
	}()
	<-s.asked
	c.signal(syscall.SIGTERM)
	c.await("draining")
	return c, s, answer
}

func TestServeDrain(t *testing.T) {
	c, s, answer := drainBegun(t, "30s")
	// Shutdown has begun when the listener is closed.
	for {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.gateway, "http://"))
		if err != nil {
			break
		}
		conn.Close()
	}
	c.want("GET", c.admin+"/readyz", 503, "not ready")
	c.want("GET", c.admin+"/healthz", 200, "ok")
	close(s.release)
	if got := <-answer; got != "200 late <nil>" {
		t.Errorf("the request under way got %q", got)
	}
	c.await("stopped")
	c.ends(0)
}

func TestServeSecondSignal(t *testing.T) {
	c, _, answer := drainBegun(t, "30s")
	c.signal(syscall.SIGINT)
	c.await("stopping at once")
	c.ends(1)
	if got := <-answer; strings.HasPrefix(got, "200") {
		t.Errorf("the request under way got %q", got)
	}
}

func TestServeDrainTimeout(t *testing.T) {
	c, _, answer := drainBegun(t, "10ms")
	c.await("connections still in use after timeouts.shutdown were closed")
	c.ends(0)
	<-answer
}

// A port in use ends serve with the place of the address; see serve about the status.
func TestServePortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := func(key, listener, admin string) {
		t.Helper()
		text := fmt.Sprintf("[route.all]\nrespond = {}\n[listener.http]\naddress = %q\n[admin]\naddress = %q\n", listener, admin)
		path := write(t, text)
		status, _, stderr := command("serve", "-c", path)
		want := path + key + ": cannot listen on " + l.Addr().String() + ": the address is in use"
		if status != cli.Failed || !strings.HasPrefix(lastLine(stderr), want) {
			t.Errorf("status %d, %q, want %d, %q", status, stderr, cli.Failed, want)
		}
	}
	f(":4: listener.http.address", l.Addr().String(), "127.0.0.1:0")
	f(":4: listener.http.address", l.Addr().String(), "off")
	f(":6: admin.address", "127.0.0.1:0", l.Addr().String())
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// The admin listener can be a Unix socket, and takes over one that a dead process has left.
func TestServeUnixAdmin(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	path := write(t, strings.Replace(saying("one"), "[admin]\naddress = \"127.0.0.1:0\"", fmt.Sprintf("[admin]\naddress = %q", "unix:"+socket), 1))
	for range 2 {
		c := spawn(t, path)
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n") // the answer tells
		if b, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 ") {
			t.Errorf("%q, %v", b, err)
		}
		conn.Close()
		c.signal(syscall.SIGKILL)
		c.ends(-1)
	}
}

// TestServeAccessLog: the access log has stdout for itself; a reader that has stopped, or has gone,
// costs no request.
func TestServeAccessLog(t *testing.T) {
	text := saying("ok") + "[log]\naccess = \"all\"\n"
	start := func() (*child, *os.File) {
		t.Helper()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		c := beginTo(t, write(t, text), w)
		c.listens()
		return c, r
	}
	c, out := start()
	c.want("GET", c.gateway+"/path?token=secret", 200, "ok")
	c.signal(syscall.SIGTERM)
	c.ends(0)
	b, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	var line struct {
		Path, Route string
		Status      int
	}
	if err := json.Unmarshal(b, &line); err != nil || line.Path != "/path" || line.Route != "all" || line.Status != 200 {
		t.Errorf("%s: %v", b, err)
	}
	out.Close()

	gone, out := start()
	out.Close()
	gone.want("GET", gone.gateway, 200, "ok")
	gone.await("the access log cannot be written: lines are dropped, requests continue")
	gone.want("GET", gone.gateway, 200, "ok")
	gone.want("GET", gone.admin+"/metrics", 200, "corsgate_access_log_dropped_total")
	gone.signal(syscall.SIGTERM)
	gone.ends(0)
}

// TestServeAccessFile: the access log goes to a file, which SIGUSR1 and a reload open anew; where that fails the old one is
// written to. What the process logs, and how, changes by a reload, too.
func TestServeAccessFile(t *testing.T) {
	path := write(t, saying("ok")+"[log]\naccess = \"all\"\naccess_file = \"access.log\"\n")
	file := filepath.Join(filepath.Dir(path), "access.log")
	rewrite(t, file, "kept\n") // is appended to
	c := spawn(t, path)
	// written waits until name has so many lines, and returns the last.
	written := func(name string, lines int) string {
		t.Helper()
		for {
			b, err := os.ReadFile(name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if all := strings.SplitAfter(string(b), "\n"); len(all) > lines {
				return all[lines-1]
			}
			time.Sleep(time.Millisecond)
		}
	}
	c.want("GET", c.gateway+"/one", 200, "ok")
	if line := written(file, 2); !strings.Contains(line, `"path":"/one"`) {
		t.Errorf("logged %q", line)
	}
	rename := func(to string) {
		t.Helper()
		if err := os.Rename(file, file+to); err != nil {
			t.Fatal(err)
		}
	}
	rename(".1")
	c.want("GET", c.gateway+"/two", 200, "ok")
	written(file+".1", 3)
	c.signal(syscall.SIGUSR1)
	c.await("access log reopened")
	c.want("GET", c.gateway+"/three", 200, "ok")
	written(file, 1)

	// It cannot be opened: nothing changes.
	rename(".2")
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	c.want("POST", c.admin+"/reload", 422, path+":9: log.access_file: cannot write the access log: open "+file+": is a directory")
	c.signal(syscall.SIGUSR1)
	c.await("the access log was not reopened: writing to the old file continues")
	c.want("GET", c.gateway+"/four", 200, "ok")
	written(file+".2", 2)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}

	// A reload is as good, and takes what else there is in [log].
	rewrite(t, path, saying("ok")+"[log]\nlevel = \"debug\"\nformat = \"text\"\naccess = \"errors\"\naccess_file = \"access.log\"\n")
	c.want("POST", c.admin+"/reload", 200, "reloaded")
	c.want("GET", c.gateway+"/five", 200, "ok")
	c.want("TRACE", c.gateway+"/six", 405, "")
	if line := written(file, 1); !strings.Contains(line, " error=") || strings.Contains(line, "five") {
		t.Errorf("logged %q", line)
	}
	c.signal(syscall.SIGHUP)
	for c.log.Scan() && !strings.Contains(c.log.Text(), `level=INFO msg="configuration reloaded"`) {
	}
	rewrite(t, path, saying("ok")) // off to stdout
	c.want("POST", c.admin+"/reload", 200, "reloaded")
	c.signal(syscall.SIGUSR1)
	c.await("the access log has no file to reopen: it goes to stdout, or is off")
	c.signal(syscall.SIGTERM)
	c.ends(0)

	bad := begin(t, write(t, saying("ok")+"[log]\naccess_file = \"no/directory\"\n"))
	bad.ends(2)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, said := command("serve", "--config", write(t, saying("ok")+"[log]\naccess_file = \""+pipe+"\"\n"))
	if status != 2 || !strings.Contains(said, "(no process reads from that pipe: start its reader first)") {
		t.Errorf("a pipe without a reader: status %d, %q", status, said)
	}
}
