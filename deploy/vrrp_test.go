//go:build linux

package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// A lab is two gateways and their client on one network, each in a namespace of its own. The client has etcd, too.
type lab struct {
	t    *testing.T
	ip   string // the program
	name string // what the namespaces' names begin with
}

const virtual = "198.51.100.10"

// addresses are those of network/keepalived.conf, and the client's.
var addresses = map[string]string{"a": "198.51.100.11", "b": "198.51.100.12", "c": "198.51.100.1"}

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getuid() != 0 {
		tooltest.Missing(t, "only root can make namespaces that see each other")
	}
	l := &lab{t, tooltest.Find(t, "ip"), fmt.Sprintf("cg%d", os.Getpid())}
	if out, err := exec.Command(l.ip, "netns", "add", l.name+"c").CombinedOutput(); err != nil {
		tooltest.Missing(t, "no namespaces here: %v: %s", err, out)
	}
	for _, n := range []string{"a", "b"} {
		run(t, l.ip, "netns", "add", l.name+n)
	}
	t.Cleanup(func() {
		for n := range addresses {
			exec.Command(l.ip, "netns", "del", l.name+n).Run() // it is not there
		}
	})
	run(t, l.ip, "-n", l.name+"c", "link", "add", "br0", "type", "bridge")
	for _, n := range []string{"a", "b"} {
		run(t, l.ip, "-n", l.name+"c", "link", "add", "to-"+n, "type", "veth", "peer", "name", "eth0", "netns", l.name+n)
		run(t, l.ip, "-n", l.name+"c", "link", "set", "to-"+n, "master", "br0", "up")
	}
	for n, device := range map[string]string{"a": "eth0", "b": "eth0", "c": "br0"} {
		run(t, l.ip, "-n", l.name+n, "addr", "add", addresses[n]+"/24", "dev", device)
		run(t, l.ip, "-n", l.name+n, "link", "set", device, "up")
		run(t, l.ip, "-n", l.name+n, "link", "set", "lo", "up")
	}
	return l
}

// command is a command on a machine.
func (l *lab) command(machine string, args ...string) *exec.Cmd {
	return exec.Command(l.ip, append([]string{"netns", "exec", l.name + machine}, args...)...)
}

// start starts a program on a machine, which ends with the test.
func (l *lab) start(machine string, args ...string) *exec.Cmd {
	l.t.Helper()
	c := l.command(machine, args...)
	var log strings.Builder
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM) // it has ended
		kill := time.AfterFunc(5*time.Second, func() { c.Process.Kill() })
		c.Wait() // however it ends
		kill.Stop()
		if l.t.Failed() {
			l.t.Logf("%s, on %s:\n%s", args[0], machine, log.String())
		}
	})
	return c
}

// until waits until what is so.
func (l *lab) until(what string, is func() bool) time.Duration {
	l.t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > time.Minute {
			l.t.Fatalf("in a minute it was not so that %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

// has reports whether the virtual address is a machine's.
func (l *lab) has(machine string) bool {
	return strings.Contains(run(l.t, l.ip, "-n", l.name+machine, "addr", "show", "dev", "eth0"), virtual+"/")
}

// says asks at an address, as the client.
func (l *lab) says(address string) string {
	out, _ := l.command("c", "curl", "--silent", "--max-time", "1", "http://"+address+":8080/").Output() // "" tells
	return string(out)
}

// TestVRRP: of a fleet behind network/keepalived.conf the gateway that has the address is killed; the other gets it, and
// what is pushed meanwhile is what both say once the first is back.
func TestVRRP(t *testing.T) {
	keepalived, etcd, curl := tooltest.Find(t, "keepalived"), tooltest.Find(t, "etcd"), tooltest.Find(t, "curl")
	l := newLab(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	corsgate := filepath.Join(dir, "corsgate")
	run(t, "go", "build", "-o", corsgate, "../cmd/corsgate")
	client := "http://" + addresses["c"] + ":2379"
	l.start("c", etcd, "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", "http://127.0.0.1:2380")
	gateways := map[string]*exec.Cmd{}
	serve := func(n string) {
		own := file(n+".toml", fmt.Sprintf("[listener.http]\naddress = \":8080\"\n[fleet]\nname = %q\netcd = [%q]\nstate = \"state\"\n", n, client))
		gateways[n] = l.start(n, corsgate, "serve", "--config", own)
	}
	serve("a")
	serve("b")
	push := func(body string) {
		t.Helper()
		shared := file("shared.toml", fmt.Sprintf("[route.all]\nrespond = { body = %q }\n", body))
		l.until("etcd takes a push", func() bool {
			return l.command("c", corsgate, "fleet", "push", "--etcd", client, shared).Run() == nil
		})
	}
	push("one")

	// As the file says of the second machine.
	config := strings.Replace(read(t, "network/keepalived.conf"), "/usr/bin/curl", curl, 1)
	swap := strings.NewReplacer("state MASTER", "state BACKUP", "priority 120", "priority 100",
		addresses["a"], addresses["b"], addresses["b"], addresses["a"])
	for n, text := range map[string]string{"a": config, "b": swap.Replace(config)} {
		l.start(n, keepalived, "--dont-fork", "--log-console", "--use-file", file(n+".conf", text),
			"--pid", filepath.Join(dir, n+".pid"), "--vrrp_pid", filepath.Join(dir, n+".vrrp.pid"))
	}
	l.until("a has the address and answers", func() bool { return l.has("a") && !l.has("b") && l.says(virtual) == "one" })

	var over atomic.Bool
	var answered, failed atomic.Int64
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			for !over.Load() {
				if l.says(virtual) != "" {
					answered.Add(1)
				} else {
					failed.Add(1)
				}
			}
		})
	}
	if err := gateways["a"].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	took := l.until("b has the address and answers", func() bool { return l.has("b") && l.says(virtual) == "one" })
	push("two")
	l.until("b says what was pushed", func() bool { return l.says(virtual) == "two" })
	serve("a")
	l.until("a says it too, and has the address again", func() bool { return l.has("a") && l.says(addresses["a"]) == "two" && l.says(virtual) == "two" })
	over.Store(true)
	load.Wait()
	t.Logf("%v after a was killed b answered at the address; of the client's requests %d were answered and %d were not", took, answered.Load(), failed.Load())
}
