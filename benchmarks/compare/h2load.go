//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// This file measures HTTP/2. h2load connects again in every run, and a handshake costs as much as tens of requests. So
// a figure is the slope between two runs of different length: what both have in common, the handshakes and the end of the connections,
// falls out of the difference.

const (
	h2Connections = 8
	// perSecond is how many requests the shorter run has for each second that a measurement may take; the longer one has longer times
	// as many.
	perSecond = 5000
	longer    = 4
)

// measureHTTP2 puts a cell's workload on one gateway, twice.
func (b *Bench) measureHTTP2(ctx context.Context, g *Process, c Cell) (Run, error) {
	if b.H2load == "" {
		return Run{}, errors.New("HTTP/2 is measured by h2load, which is not installed (Debian: nghttp2-client)")
	}
	n := max(c.Load.Connections*c.Load.Streams, int(c.For.Seconds()*perSecond))
	short, err := b.h2load(ctx, g, c, n)
	if err != nil {
		return Run{}, err
	}
	long, err := b.h2load(ctx, g, c, longer*n)
	if err != nil {
		return Run{}, err
	}
	run := long
	run.CPU, run.Rate = slope(short, long, Run.cpuSeconds)*1e6, 1/slope(short, long, func(r Run) float64 { return r.Seconds })
	run.Bad, run.Broken, run.Other = short.Bad+long.Bad, short.Broken+long.Broken, max(short.Other, long.Other)
	return run, nil
}

// slope returns by how much f grows for each answer.
func slope(short, long Run, f func(Run) float64) float64 {
	return (f(long) - f(short)) / float64(long.Done-short.Done)
}

// cpuSeconds returns the CPU time of all answers, in seconds.
func (r Run) cpuSeconds() float64 { return r.CPU * float64(r.Done) / 1e6 }

// h2load makes n requests.
func (b *Bench) h2load(ctx context.Context, g *Process, c Cell, n int) (Run, error) {
	argv := []string{b.H2load, "-t1", fmt.Sprintf("-c%d", c.Load.Connections), fmt.Sprintf("-m%d", c.Load.Streams), fmt.Sprintf("-n%d", n)}
	return b.account(g, func() (LoadResult, error) {
		out, used, err := runPinned(ctx, b.LoadCPU, nil, append(argv, h2Arguments(c.Load.Requests[0], g.Port)...))
		if err != nil {
			return LoadResult{}, err
		}
		r, err := parseH2load(string(out))
		r.used = used
		return r, err
	})
}

// h2Arguments returns how h2load is told to send a request: its fields, and the URL.
func h2Arguments(request string, port int) []string {
	lines := strings.Split(strings.TrimSuffix(request, "\r\n\r\n"), "\r\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	path, _, _ := strings.Cut(rest, " ")
	argv := []string{"-H", ":method: " + method}
	for _, line := range lines[1:] {
		if name, value, _ := strings.Cut(line, ":"); name == "Host" {
			argv = append(argv, "-H", ":authority:"+value)
		} else {
			argv = append(argv, "-H", strings.ToLower(name)+":"+value)
		}
	}
	return append(argv, "https://"+address(port)+path)
}

var (
	h2Finished = regexp.MustCompile(`(?m)^finished in ([\d.]+)(us|ms|s|m)`)
	h2Requests = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2Statuses = regexp.MustCompile(`(?m)^status codes: \d+ 2xx, \d+ 3xx, (\d+) 4xx, (\d+) 5xx`)
	h2Protocol = regexp.MustCompile(`(?m)^Application protocol: h2`)
)

// parseH2load finds what h2load prints. It has no latency of single requests worth the name.
func parseH2load(out string) (r LoadResult, err error) {
	finished, requests, statuses := h2Finished.FindStringSubmatch(out), h2Requests.FindStringSubmatch(out), h2Statuses.FindStringSubmatch(out)
	if finished == nil || requests == nil || statuses == nil {
		return r, fmt.Errorf("h2load printed no result but %q", out)
	}
	if !h2Protocol.MatchString(out) {
		return r, errors.New("it does not speak HTTP/2")
	}
	took, err := time.ParseDuration(finished[1] + finished[2])
	if err != nil {
		return r, fmt.Errorf("h2load's time: %w", err)
	}
	number := func(text string) int {
		n, _ := strconv.Atoi(text) // digits, by the expression
		return n
	}
	r.Seconds, r.Done = took.Seconds(), number(requests[1])
	r.Bad, r.Broken = number(statuses[1])+number(statuses[2]), number(requests[4])+number(requests[5])
	return r, nil
}
