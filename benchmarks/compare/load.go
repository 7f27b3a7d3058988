//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// This file is the load generator for open loops, and for closed ones where wrk is not installed. It runs as a
// child of its own, on the load's CPU. The rules are:
//
//   - at a fixed rate, request k is due at k/rate after the start, whatever happened to those before it;
//   - its latency counts from when it was due, also when all connections were busy then: what a slow gateway
//     makes others wait for is its latency (no coordinated omission);
//   - requests that had no answer a moment after the last was due count with the time they had waited;
//   - one thread and one epoll set: Go's own poller wakes timers with a precision of 1 ms, which would be most of
//     what is measured here; ppoll's is about 50 µs, and how late the generator itself was is told as Lag99.

// A Load is what a load child is asked for, as JSON on its stdin.
type Load struct {
	Port        int           `json:"port"`
	Connections int           `json:"connections"`
	Rate        float64       `json:"rate"` // requests per second of all connections; 0: a closed loop
	Duration    time.Duration `json:"duration"`
	Requests    []string      `json:"requests"` // sent in turn
}

// A LoadResult is what a load generator found. Latencies are in microseconds.
type LoadResult struct {
	Seconds float64 `json:"seconds"`
	Done    int     `json:"done"`   // answers received
	Bad     int     `json:"bad"`    // of these with a status above 399
	Broken  int     `json:"broken"` // connections lost or refused, answers not understood, time-outs
	Late    int     `json:"late"`   // of a fixed rate: due, but without an answer at the end
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p999"`
	Good99  float64 `json:"good99,omitempty"` // of a fixed rate: p99 of the answers that are not Bad
	Lag99   float64 `json:"lag99"`            // of a fixed rate: p99 of what the generator itself was late

	used time.Duration // CPU time of the generator
}

// byChild runs a load child.
func (b *Bench) byChild(ctx context.Context, l Load) (r LoadResult, err error) {
	spec, err := json.Marshal(l)
	if err != nil {
		return r, err
	}
	out, used, err := runPinned(ctx, b.LoadCPU, spec, []string{b.Self, "-child", "load"})
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(out, &r)
	r.used = used
	return r, err
}

// loadChild is the whole life of a load child.
func loadChild(stdin io.Reader, stdout io.Writer) error {
	var l Load
	if err := json.NewDecoder(stdin).Decode(&l); err != nil {
		return fmt.Errorf("read load: %w", err)
	}
	r, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(r)
}

// A generator is one run of a Load.
type generator struct {
	Load
	poll    int      // epoll descriptor
	raw     [][]byte // Requests
	conns   []conn
	idle    []int // connections without a request under way, a queue
	waiting int   // connections with one
	issued  int   // requests begun; of a fixed rate the next one's number
	begin   time.Time
	result  LoadResult
	latency Histogram
	good    Histogram
	lag     Histogram
	buffer  []byte
}

// errNoConnection ends a run whose last connection was lost.
var errNoConnection = errors.New("every connection was lost")

func (l Load) run() (LoadResult, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return LoadResult{}, fmt.Errorf("create epoll: %w", err)
	}
	defer unix.Close(poll) // the process ends
	g := &generator{Load: l, poll: poll, conns: make([]conn, l.Connections), buffer: make([]byte, 256<<10)}
	for _, r := range l.Requests {
		g.raw = append(g.raw, []byte(r))
	}
	for i := range g.conns {
		if err := g.open(i); err != nil {
			return LoadResult{}, fmt.Errorf("connect to %s: %w", address(l.Port), err)
		}
		g.idle = append(g.idle, i)
	}
	if err := g.loop(); err != nil && !errors.Is(err, errNoConnection) {
		return LoadResult{}, err
	}
	r := g.summary()
	for i := range g.conns {
		g.conns[i].close()
	}
	return r, nil
}

func (g *generator) loop() error {
	events := make([]unix.EpollEvent, 256)
	g.begin = time.Now()
	for {
		now := time.Since(g.begin)
		if g.over(now) {
			return nil
		}
		if len(g.idle)+g.waiting == 0 {
			return errNoConnection
		}
		g.issue(now)
		ready, err := g.wait(events)
		if err != nil {
			return err
		}
		for _, e := range events[:ready] {
			g.progress(int(e.Fd), e.Events)
		}
	}
}

// grace is how long answers of a fixed rate are waited for when all requests were due.
const grace = 250 * time.Millisecond

// over reports whether the run is at its end.
func (g *generator) over(now time.Duration) bool {
	if g.Rate == 0 || now < g.Duration {
		return now >= g.Duration
	}
	return now >= g.Duration+grace || g.waiting == 0 && g.due(g.issued) >= g.Duration
}

// issue sends what is due on idle connections.
func (g *generator) issue(now time.Duration) {
	for len(g.idle) > 0 {
		due := now
		if g.Rate > 0 {
			if due = g.due(g.issued); due > now || due >= g.Duration {
				return
			}
		}
		i := g.idle[0]
		g.idle = g.idle[1:]
		// A connection that was idle when the request became due makes any delay the generator's own.
		if c := &g.conns[i]; g.Rate > 0 && c.since <= due {
			g.lag.Add(now - due)
		}
		g.send(i, due)
	}
}

// due returns when request k of a fixed rate is to be sent, from the start.
func (g *generator) due(k int) time.Duration {
	return time.Duration(float64(k) / g.Rate * float64(time.Second))
}

// wait waits for readiness, for the next request that is due if there is a connection for it, or for the end.
func (g *generator) wait(events []unix.EpollEvent) (int, error) {
	until := g.Duration
	if g.Rate > 0 {
		switch due := g.due(g.issued); {
		case due < g.Duration && len(g.idle) > 0:
			until = due
		case due < g.Duration || g.waiting > 0:
			until += grace
		}
	}
	timeout := unix.NsecToTimespec(int64(max(0, until-time.Since(g.begin))))
	set := []unix.PollFd{{Fd: int32(g.poll), Events: unix.POLLIN}}
	if n, err := unix.Ppoll(set, &timeout, nil); n <= 0 {
		if errors.Is(err, unix.EINTR) {
			err = nil
		}
		return 0, err
	}
	n, err := unix.EpollWait(g.poll, events, 0)
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	return n, err
}

func (g *generator) summary() LoadResult {
	r := g.result
	end := time.Since(g.begin)
	r.Seconds = end.Seconds()
	if g.Rate > 0 {
		for i := range g.conns {
			if c := &g.conns[i]; c.busy {
				g.latency.Add(end - c.due)
				r.Late++
			}
		}
		for ; g.due(g.issued) < g.Duration; g.issued++ {
			g.latency.Add(end - g.due(g.issued))
			r.Late++
		}
	}
	micros := func(d time.Duration) float64 { return float64(d) / 1e3 }
	r.P50, r.P99, r.P999 = micros(g.latency.Quantile(0.5)), micros(g.latency.Quantile(0.99)), micros(g.latency.Quantile(0.999))
	r.Good99 = micros(g.good.Quantile(0.99))
	r.Lag99 = micros(g.lag.Quantile(0.99))
	return r
}
