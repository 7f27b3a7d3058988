//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// A Machine is where a run was made.
type Machine struct {
	CPU      string `json:"cpu"`
	CPUs     int    `json:"cpus"`
	Memory   string `json:"memory"`
	Kernel   string `json:"kernel"`
	Go       string `json:"go"`
	Load     string `json:"load"` // load averages at the start: other work disturbs
	Pinning  string `json:"pinning"`
	Upstream string `json:"upstream"`
	Wrk      string `json:"wrk"`
}

// describe describes this machine and the run's arrangement.
func (b *Bench) describe() Machine {
	m := Machine{CPU: field("/proc/cpuinfo", "model name"), CPUs: runtime.NumCPU(), Memory: memory(),
		Kernel: line("/proc/sys/kernel/osrelease"), Go: runtime.Version() + " " + runtime.GOARCH, Upstream: b.UpstreamIs}
	averages := strings.Fields(line("/proc/loadavg"))
	m.Load = strings.Join(averages[:min(3, len(averages))], " ")
	m.Pinning = fmt.Sprintf("each gateway alone on CPU %d with one worker (GOMAXPROCS=1); load generator and upstream on CPU %d", b.GatewayCPU, b.LoadCPU)
	if b.GatewayCPU < 0 {
		m.Pinning = "none: this machine has one CPU, and all figures are disturbed by the load generator"
	}
	m.Wrk = "not installed: closed loops by compare's own load generator"
	if b.Wrk != "" {
		out, _ := exec.CommandContext(context.Background(), b.Wrk, "--version").Output() // its status is 1
		m.Wrk, _, _ = strings.Cut(string(out), " Copyright")
	}
	return m
}

// memory returns how much there is.
func memory() string {
	kib, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

// commit returns what the checkout's HEAD is, and whether files differ from it.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "an unknown commit"
	}
	return strings.TrimSpace(string(out))
}

// field returns the value of the first "name : value" line of a file, or "unknown".
func field(path, name string) string {
	text, _ := os.ReadFile(path) // whatever is wrong with it, it is unknown
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return "unknown"
}

// line returns the first line of a file.
func line(path string) string {
	text, _ := os.ReadFile(path)
	first, _, _ := strings.Cut(string(text), "\n")
	return first
}
