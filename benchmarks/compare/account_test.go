//go:build linux

package main

import (
	"os"
	"testing"
	"time"
)

func TestParseMachineStat(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		got, err := parseMachineStat([]byte(text))
		if err != nil || got != want {
			t.Errorf("parseMachineStat(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	f("cpu  100 20 30 9000 500 4 3 2 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n", 1520*time.Millisecond)
	f("cpu  0 0 0 9000 500 0 0 0 0 0", 0)
	for _, bad := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu a b c d e f g h i"} {
		if got, err := parseMachineStat([]byte(bad)); err == nil {
			t.Errorf("parseMachineStat(%q) = %v without an error", bad, got)
		}
	}
}

func TestParseStatus(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		got, err := parseStatus([]byte(text))
		if err != nil || got != want {
			t.Errorf("parseStatus(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	f("Name:\tnginx\nVmHWM:\t   9 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n", 1234<<10)
	f("Name:\tgone\n", 0)
	if _, err := parseStatus([]byte("VmRSS:\tmuch kB\n")); err == nil {
		t.Error("a VmRSS that is no number is not an error")
	}
}

// The CPU clock of this process is what the kernel says of it otherwise.
func TestCPUTime(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		now, err := cpuTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			break // it runs, and forward
		}
	}
	if n, err := residentBytes(os.Getpid()); err != nil || n < 1<<20 {
		t.Errorf("residentBytes of this process = %d, %v; want some MiB", n, err)
	}
	if busy, err := busyTime(); err != nil || busy <= 0 {
		t.Errorf("busyTime = %v, %v", busy, err)
	}
	const nobody = 1 << 22 // the greatest PID is below
	if _, err := cpuTime(nobody); err == nil {
		t.Error("cpuTime of a process that is not there is no error")
	}
}
