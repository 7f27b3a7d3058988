//go:build unix

package main

import (
	"net"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// TestNotify: systemd is told what the process does, in its own words.
func TestNotify(t *testing.T) {
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	systemd, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	heard := make(chan string, 1<<10) // systemd always listens: who tells it something does not wait
	go func() {
		defer close(heard)
		for b := make([]byte, 4096); ; {
			n, err := systemd.Read(b)
			if err != nil {
				return
			}
			heard <- string(b[:n])
		}
	}()
	// hears wants the next message to match; pings of the watchdog may come between.
	hears := func(pattern string) {
		t.Helper()
		for m := range heard {
			if m == "WATCHDOG=1" && pattern != m {
				continue
			}
			if !regexp.MustCompile("^" + pattern + "$").MatchString(m) {
				t.Errorf("systemd hears %q, want %s", m, pattern)
			}
			return
		}
	}
	u := newUpgrading(t, saying("one"), "NOTIFY_SOCKET="+address.Name, "WATCHDOG_USEC=200000")
	path := u.cmd.Args[len(u.cmd.Args)-1]
	hears("READY=1\nSTATUS=Serving 1 routes, configuration 1")
	u.listens()
	hears("WATCHDOG=1")
	hears("WATCHDOG=1")
	u.send(syscall.SIGHUP)
	hears("RELOADING=1\nMONOTONIC_USEC=[0-9]+")
	hears("READY=1\nSTATUS=Serving 1 routes, configuration 2")
	rewrite(t, path, saying("two")+"paht = 1\n")
	u.send(syscall.SIGHUP)
	hears("RELOADING=1\nMONOTONIC_USEC=[0-9]+")
	hears("READY=1\nSTATUS=Serving 1 routes, configuration 2; not reloaded: " + regexp.QuoteMeta(path) + ":7: route.all.paht: .*")
	rewrite(t, path, saying("two"))
	u.upgrades()
	hears("READY=1\nSTATUS=Serving 1 routes, configuration 1") // the new one; heeded from NotifyAccess=all only
	hears("MAINPID=[0-9]+\nSTATUS=Serving, after an upgrade")
	u.await("stopped")
	hears("WATCHDOG=1") // of the new one: there is no other
	u.send(syscall.SIGTERM)
	hears("STOPPING=1\nSTATUS=Draining\nEXTEND_TIMEOUT_USEC=40000000") // timeouts.shutdown, and some
	u.await("stopped")
}
