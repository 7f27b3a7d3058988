//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/pkitest"
)

// TestReloadUnderLoad: a hundred reloads, every other one with a listener more, cost no request, no
// connection and no tunnel.
func TestReloadUnderLoad(t *testing.T) {
	up := newUp(t)
	path := write(t, loopback+rushed(up, "first"))
	c := spawn(t, path)
	w := newTunnel(t, c.gateway)
	r := newRush(t, c.gateway, 2)
	for i := range 100 {
		text := loopback + rushed(up, fmt.Sprint("body ", i))
		if i%2 == 0 {
			text += "[listener.more]\naddress = \"127.0.0.1:0\"\n"
		}
		rewrite(t, path, text)
		c.want("POST", c.admin+"/reload", 200, "reloaded")
		w.echoes(t)
	}
	r.ends(500)
	if n := r.closed.Load(); n > 0 {
		t.Errorf("%d connections were closed", n)
	}
	c.want("GET", c.gateway+"/here", 200, "body 99")
	c.want("GET", c.admin+"/config", 200, `"generation": 101`)
	w.Close()
	c.signal(syscall.SIGTERM)
	c.ends(0)
}

// TestReloadCoalesces: a thousand signals cost at most ten reloads a second, and the last is obeyed.
func TestReloadCoalesces(t *testing.T) {
	path := write(t, saying("one"))
	c := spawn(t, path)
	began := time.Now()
	for i := range 1000 {
		if i == 999 {
			rewrite(t, path, saying("two"))
		}
		c.signal(syscall.SIGHUP)
		time.Sleep(time.Millisecond)
	}
	for {
		if _, body := c.fetch("GET", c.gateway); body == "two" {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_, text := c.fetch("GET", c.admin+"/config")
	var in struct{ Generation int }
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d reloads in %v", in.Generation-1, took)
	if most := 2 + int(took/calm); in.Generation-1 > most {
		t.Errorf("%d reloads in %v, want at most %d", in.Generation-1, took, most)
	}
	c.signal(syscall.SIGTERM)
	c.ends(0)
}

// TestReloadBroken: whatever is wrong with the file, the gateway goes on with what it has, and says why.
func TestReloadBroken(t *testing.T) {
	path := write(t, saying("one"))
	c := spawn(t, path)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := func(what, problem string, breakIt func()) {
		t.Helper()
		breakIt()
		status, text := c.fetch("POST", c.admin+"/reload")
		if status != 422 || !strings.Contains(text, problem) {
			t.Errorf("%s: %d %q, want 422 with %q", what, status, text, problem)
		}
		if r := c.await("configuration not reloaded"); !strings.Contains(r.Error, problem) {
			t.Errorf("%s: logged %q", what, r.Error)
		}
		c.want("GET", c.admin+"/readyz", 200, "ready")
		c.want("GET", c.gateway, 200, "one")
		c.want("GET", c.admin+"/metrics", 200, "corsgate_config_last_reload_successful 0")
		os.RemoveAll(path)
	}
	with := func(text string) func() { return func() { t.Helper(); rewrite(t, path, text) } }
	whole := saying("never")
	f("syntax", path+":7: ", with(whole+"[route.all\n"))
	f("an unknown key", path+":7: route.all.paht: unknown key", with(whole+"paht = \"/\"\n"))
	f("a port in use", path+":8: listener.b.address: cannot listen on ", with(whole+"[listener.b]\naddress = \""+taken.Addr().String()+"\"\n"))
	f("a missing certificate", "no.pem", with(whole+"[listener.b]\naddress = \"127.0.0.1:0\"\ntls = true\n[tls]\ncertificates = [{ cert = \"no.pem\", key = \"no.key\" }]\n"))
	f("empty", "route", with(""))
	f("half of it", path+":6: ", with(whole[:len(whole)-8]))
	f("huge", "larger than", with(whole+strings.Repeat("# a comment that goes on and on\n", 600_000)))
	f("not UTF-8", path+":7: the text is not UTF-8", with(whole+"# \xff\n"))
	f("gone", "no such file", func() {})
	f("a directory", "is a directory", func() { os.Mkdir(path, 0o700) })
	f("a link to nowhere", "no such file", func() { os.Symlink("nowhere", path) })
	if os.Geteuid() != 0 { // who may read everything
		f("unreadable", "permission denied", func() { rewrite(t, path, whole); os.Chmod(path, 0) })
	}
	// What editors of other systems write is as good.
	for i, text := range []string{"\ufeff" + saying("two"), strings.ReplaceAll(saying("two"), "\n", "\r\n")} {
		rewrite(t, path, text)
		c.want("POST", c.admin+"/reload", 200, "reloaded")
		c.want("GET", c.gateway, 200, "two")
		c.want("GET", c.admin+"/config", 200, fmt.Sprintf(`"generation": %d`, 2+i))
	}
	c.signal(syscall.SIGTERM)
	c.ends(0)
}

// TestServeWatch: with --watch a change of the file, of what a symbolic link leads to, or of a certificate is
// taken over without a signal.
func TestServeWatch(t *testing.T) {
	dir := t.TempDir()
	authority, certs := pkitest.NewAuthority(t, "authority"), t.TempDir()
	cert, key := authority.Issue(t, "localhost").Write(t, certs, "server")
	text := func(body string) string {
		return saying(body) + fmt.Sprintf("[listener.tls]\naddress = \"127.0.0.1:0\"\ntls = true\n[tls]\ncertificates = [{ cert = %q, key = %q }]\n", cert, key)
	}
	// As Kubernetes mounts a ConfigMap: the file is a link into a directory that is a link.
	put := func(version, text string) {
		t.Helper()
		real := filepath.Join(dir, version)
		if err := os.Mkdir(real, 0o700); err != nil {
			t.Fatal(err)
		}
		rewrite(t, filepath.Join(real, "corsgate.toml"), text)
		if err := os.Symlink(version, filepath.Join(dir, "..new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	put("v1", text("one"))
	path := filepath.Join(dir, "corsgate.toml")
	if err := os.Symlink("..data/corsgate.toml", path); err != nil {
		t.Fatal(err)
	}
	c := begun(t, os.Args[0], nil, "serve", "--watch", "--config", path)
	c.gateway = "http://" + c.await("listening").Address
	c.await("listening")
	c.admin = "http://" + c.await("listening").Address
	c.want("GET", c.gateway, 200, "one")
	put("v2", text("two"))
	c.await("configuration reloaded")
	c.want("GET", c.gateway, 200, "two")
	put("v3", text("three")+"[route.")
	if r := c.await("configuration not reloaded"); !strings.HasPrefix(r.Error, path+":") {
		t.Errorf("logged %q", r.Error)
	}
	c.want("GET", c.gateway, 200, "two")
	put("v4", text("four"))
	c.await("configuration reloaded")
	authority.Issue(t, "localhost").Write(t, certs, "server")
	c.await("certificates reloaded")
	// In place, as some editors do.
	if err := os.WriteFile(filepath.Join(dir, "v4", "corsgate.toml"), []byte(text("five")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.await("configuration reloaded")
	c.want("GET", c.gateway, 200, "five")
	c.signal(syscall.SIGTERM)
	c.await("stopped")
}

// TestLameDuck: while the duck is lame it says so, and still serves.
func TestLameDuck(t *testing.T) {
	c := spawn(t, write(t, saying("here")+"[timeouts]\nlame_duck = \"10m\"\n"))
	c.signal(syscall.SIGTERM)
	c.await("draining")
	for {
		if status, _ := c.fetch("GET", c.admin+"/readyz"); status == 503 {
			break
		}
	}
	c.want("GET", c.gateway, 200, "here")
	c.signal(syscall.SIGTERM)
	c.await("stopping at once")
	c.ends(1)
}
