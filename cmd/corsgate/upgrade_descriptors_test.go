//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUpgradeWithoutDescriptors: an upgrade for which there are too few descriptors, wherever they run out, changes nothing: the
// process has as many as before. Once there are enough the next upgrade succeeds.
func TestUpgradeWithoutDescriptors(t *testing.T) {
	text := fmt.Sprintf("%smetrics_address = \"127.0.0.1:0\"\n[listener.plain]\naddress = \"127.0.0.1:0\"\nengine = \"fasthttp\"\n[listener.unix]\naddress = %q\n[route.all]\nrespond = { body = \"here\" }\n",
		loopback, "unix:"+filepath.Join(t.TempDir(), "edge.sock"))
	u := newUpgrading(t, text, "GOMAXPROCS=2")
	u.gateway = "http://" + u.await("listening").Address
	u.await("serving")
	// What begins to serve may be on its way still: an upgrade that fails late shows what there is for good.
	u.put(t, "exit 1")
	u.send(syscall.SIGUSR2)
	u.await(notTakenOver)
	before := descriptors(t, u.pid)
	var all unix.Rlimit
	if err := unix.Prlimit(u.pid, unix.RLIMIT_NOFILE, nil, &all); err != nil {
		t.Fatal(err)
	}
	for free := range 16 {
		few := unix.Rlimit{Cur: uint64(nth(before, free)), Max: all.Max}
		if err := unix.Prlimit(u.pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
			t.Fatal(err)
		}
		u.send(syscall.SIGUSR2)
		u.await(notTakenOver)
		if err := unix.Prlimit(u.pid, unix.RLIMIT_NOFILE, &all, nil); err != nil {
			t.Fatal(err)
		}
		now := descriptors(t, u.pid)
		for end := time.Now().Add(time.Minute); len(now) > len(before) && time.Now().Before(end); now = descriptors(t, u.pid) {
			time.Sleep(10 * time.Millisecond) // the last of them may be closed after the log was written
		}
		if len(now) > len(before) {
			t.Fatalf("with %d free, an upgrade that failed has left %d descriptors, want %d", free, len(now), len(before))
		}
	}
	u.want("GET", u.gateway+"/", 200, "here")
	u.put(t, "")
	u.upgrades()
	u.await("stopped")
	u.finish()
}

// descriptors returns the descriptors of a process, in order.
func descriptors(t *testing.T, pid int) (fds []int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	slices.Sort(fds)
	return fds
}

// nth returns the number that a new descriptor has if n that are free are taken first.
func nth(used []int, n int) (fd int) {
	for ; n > 0 || slices.Contains(used, fd); fd++ {
		if !slices.Contains(used, fd) {
			n--
		}
	}
	return fd
}
