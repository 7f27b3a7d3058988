//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Bench is one run of the comparison: where things run, what runs now, and whom to tell.
type Bench struct {
	Peers, CachePeers   []Peer
	GatewayCPU, LoadCPU int           // -1: not pinned
	Wrk                 string        // path; "": closed loops by a load child too
	H2load              string        // path; "": no HTTP/2
	Self                string        // path of this program, for children
	Patience            time.Duration // with a gateway that starts
	Progress            io.Writer
	UpstreamIs          string

	dir      string // for everything that is written; removed by Close
	upstream *Process
	slow     *Process // the upstream of Setups that are Slow; nil: there has been none
	fleetNow *Fleet
	setup    Setup         // of fleetNow
	total    time.Duration // estimate for all cells
	spent    time.Duration // of it
}

// Open makes the temporary folder and starts the upstream. Close must be called whatever Open returns.
func (b *Bench) Open(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "corsgate-compare-"); err != nil {
		return err
	}
	if err := os.Chmod(b.dir, 0o755); err != nil { // nginx's workers are another user
		return err
	}
	return b.startUpstream(ctx)
}

// Close ends every process and removes the temporary folder.
func (b *Bench) Close() error {
	if b.fleetNow != nil {
		b.fleetNow.Stop()
	}
	for _, p := range []*Process{b.upstream, b.slow} {
		if p != nil {
			p.Stop()
		}
	}
	if b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}

// Run measures every scenario, in order, until ctx is done. Cells that would begin after the deadline are left
// out, and the result says so.
func (b *Bench) Run(ctx context.Context, plan []Scenario, deadline time.Time) ([]Result, error) {
	for _, s := range plan {
		for _, c := range s.Cells {
			b.total += b.estimate(c)
		}
	}
	var results []Result
	for _, s := range plan {
		fmt.Fprintf(b.Progress, "\n%s\n", s.Title)
		r := Result{Scenario: s}
		for _, c := range s.Cells {
			if time.Now().Add(b.estimate(c)).After(deadline) {
				r.Absent = append(r.Absent, Absence{"all", c.X, "left out: the time of this run was up"})
				fmt.Fprintf(b.Progress, "  %d %s: no time left\n", c.X, s.Axis)
				continue
			}
			if err := b.cell(ctx, c, &r); err != nil {
				return results, err
			}
			b.spent += b.estimate(c)
			b.tell(r, c)
		}
		results = append(results, r)
	}
	return results, ctx.Err()
}

// estimate returns about how long a cell takes, starts included.
func (b *Bench) estimate(c Cell) time.Duration {
	rows := len(b.Peers)
	if c.Setup.Cache {
		rows = len(b.CachePeers)
	}
	return time.Duration(rows*c.Rounds) * (c.For + 100*time.Millisecond)
}

// cell measures all gateways at one X. Rounds interleave them, and each begins with another one.
func (b *Bench) cell(ctx context.Context, c Cell, r *Result) error {
	if b.fleetNow == nil || b.setup != c.Setup {
		if b.fleetNow != nil {
			b.fleetNow.Stop()
		}
		b.fleetNow, b.setup = b.fleet(ctx, c.Setup), c.Setup
	}
	f := b.fleetNow
	for name, why := range f.Absent {
		r.Absent = append(r.Absent, Absence{name, c.X, why})
	}
	rows := make([]Row, len(f.Gateways))
	failed := make([]error, len(f.Gateways))
	for round := range c.Rounds {
		for k := range f.Gateways {
			i := (k + round) % len(f.Gateways)
			if failed[i] != nil {
				continue
			}
			run, err := b.measure(ctx, f.Gateways[i], c)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if failed[i] = err; err == nil {
				rows[i].Runs = append(rows[i].Runs, run)
			}
		}
	}
	for i, g := range f.Gateways {
		if failed[i] != nil {
			r.Absent = append(r.Absent, Absence{g.Name, c.X, failed[i].Error()})
			continue
		}
		rows[i].Gateway, rows[i].X = g.Name, c.X
		r.Rows = append(r.Rows, rows[i])
	}
	return ctx.Err()
}

// measure puts a cell's workload on one gateway.
func (b *Bench) measure(ctx context.Context, g *Process, c Cell) (Run, error) {
	// A load generator that hangs must not hang the run.
	ctx, cancel := context.WithTimeout(ctx, 2*c.For+20*time.Second)
	defer cancel()
	if c.Load.Streams > 0 {
		return b.measureHTTP2(ctx, g, c)
	}
	return b.account(g, func() (LoadResult, error) {
		switch {
		case c.Load.Rate == 0 && b.Wrk != "":
			return b.closedByWrk(ctx, g.Port, c.Setup.scheme(), c.Load, c.For)
		case c.Setup.TLS:
			return LoadResult{}, errors.New("only wrk speaks TLS, and it is not installed")
		}
		return b.byChild(ctx, Load{g.Port, c.Load.Connections, float64(c.Load.Rate), c.For, c.Load.Requests})
	})
}

// account returns what one gateway has used while load ran.
func (b *Bench) account(g *Process, load func() (LoadResult, error)) (Run, error) {
	before, err := b.clocks(g)
	if err != nil {
		return Run{}, err
	}
	l, err := load()
	if err != nil {
		return Run{}, fmt.Errorf("load: %w", err)
	}
	after, err := b.clocks(g)
	if err != nil {
		return Run{}, err
	}
	memory, err := residentBytes(g.Pid)
	if err != nil {
		return Run{}, err
	}
	if l.Done == 0 {
		return Run{}, fmt.Errorf("no request was answered in %.1f s, %d connections broken", l.Seconds, l.Broken)
	}
	own := after.gateway - before.gateway
	other := after.machine - before.machine - own - (after.upstream - before.upstream) - l.used
	all := time.Duration(runtime.NumCPU()) * after.at.Sub(before.at)
	return Run{CPU: float64(own.Nanoseconds()) / 1e3 / float64(l.Done), Rate: float64(l.Done) / l.Seconds, Memory: memory,
		Other: max(0, other.Seconds()/all.Seconds()), LoadResult: l}, nil
}

// clocks are the CPU times before and after a measurement.
type clocks struct {
	at                         time.Time
	gateway, upstream, machine time.Duration
}

func (b *Bench) clocks(g *Process) (c clocks, err error) {
	c.at = time.Now()
	if c.machine, err = busyTime(); err != nil {
		return c, err
	}
	for _, p := range []*Process{b.upstream, b.slow} {
		if p == nil {
			continue
		}
		used, err := cpuTime(p.Pid)
		if err != nil {
			return c, err
		}
		c.upstream += used
	}
	c.gateway, err = cpuTime(g.Pid)
	return c, err
}

// tell writes what a cell has found in one line, and how long the rest may take.
func (b *Bench) tell(r Result, c Cell) {
	var parts []string
	for _, name := range r.gateways() {
		if row := r.row(name, c.X); row != nil {
			parts = append(parts, fmt.Sprintf("%s %.1f", name, row.median(CPU)))
		}
	}
	left := max(0, b.total-b.spent).Round(time.Second)
	fmt.Fprintf(b.Progress, "  %8d %s: CPU µs/request %s   (about %v left)\n", c.X, r.Axis, strings.Join(parts, " · "), left)
	if d := r.disturbance(c.X); d > disturbed {
		fmt.Fprintf(b.Progress, "           disturbed: other processes had %.0f %% of the machine\n", 100*d)
	}
	for _, a := range slices.Backward(r.Absent) {
		if a.X == c.X {
			fmt.Fprintf(b.Progress, "           %s: %s\n", a.Gateway, a.Why)
		}
	}
}
