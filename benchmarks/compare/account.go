//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// This file reads what a process and its descendants have used. See proc(5).

// clockTick is the unit of CPU times in /proc/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = time.Second / 100

// tree returns pid and all its descendants.
func tree(pid int) []int {
	list := []int{pid}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		text, _ := os.ReadFile(f) // a thread that has just ended has no children
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				list = append(list, tree(child)...)
			}
		}
	}
	return list
}

// cpuTime returns the user and system time that the living processes of the tree of pid have used so far. It reads
// their CPU clocks: /proc/PID/stat counts the same in steps of 10 ms, which is more than a gateway needs for a
// thousand preflights. See clock_getcpuclockid(3).
func cpuTime(pid int) (total time.Duration, err error) {
	for _, p := range tree(pid) {
		var t unix.Timespec
		err := unix.ClockGettime(cpuClock(p), &t)
		if p != pid && errors.Is(err, unix.EINVAL) { // a child that has just ended
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read CPU clock of process %d: %w", p, err)
		}
		total += time.Duration(t.Nano())
	}
	return total, nil
}

// cpuClock returns the clock of the CPU time of all threads of a process, also of those that have ended: Linux's
// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
func cpuClock(pid int) int32 { return int32(^pid)<<3 | 2 }

// busyTime returns the CPU time that all of the machine has used so far, or had stolen by its host.
func busyTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseMachineStat(text)
}

// parseMachineStat returns the busy time of the first line of /proc/stat, but for that of interrupts: on loopback they
// are what is measured, but no process is charged for them, so they would be taken for those of other programs.
func parseMachineStat(text []byte) (time.Duration, error) {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(first)) // cpu user nice system idle iowait irq softirq steal …
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("no CPU times in %q", first)
	}
	total := int64(0)
	for _, i := range []int{1, 2, 3, 8} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return time.Duration(total) * clockTick, nil
}

// residentBytes returns the resident memory of the tree of pid, in bytes. Pages that processes share count for each.
func residentBytes(pid int) (int64, error) {
	total := int64(0)
	for _, p := range tree(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		if p != pid && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n, err := parseStatus(text)
		if err != nil {
			return 0, fmt.Errorf("parse /proc/%d/status: %w", p, err)
		}
		total += n
	}
	return total, nil
}

// parseStatus returns VmRSS of a /proc/PID/status, in bytes. A process that has just exited has none: 0.
func parseStatus(text []byte) (int64, error) {
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if value, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, nil
}
