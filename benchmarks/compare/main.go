//go:build linux

// Command compare measures corsgate beside nginx, HAProxy and Caddy on this machine, all with the same CORS policy,
// and writes a report: one self-contained HTML file with plots, Markdown tables, and the raw figures as JSON.
//
//	go run ./compare -quick     under three minutes: an order of magnitude
//	go run ./compare            the whole of it, most of an hour
//
// It is run in the folder benchmarks, which is a Go module of its own.
//
// What is not installed is left out, and how to install it is said. Everything listens on 127.0.0.1, and everything
// that was started is ended, also by Ctrl-C. The README beside this folder tells the method.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	quick               bool
	bin, out, readme    string
	plots               string
	only, gateways      string
	from, libraries     string
	child, port         string
	gatewayCPU, loadCPU int
	rounds              int
	budget              time.Duration
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&o.quick, "quick", false, "finish in under 3 minutes")
	f.StringVar(&o.bin, "bin", "", "corsgate's binary; \"\": build it from this checkout")
	f.StringVar(&o.out, "out", "out", "folder for report.html, report.md and report.json")
	f.StringVar(&o.readme, "readme", "", "also put the summary between the marks of this file, and the tables between those of results.md beside it")
	f.StringVar(&o.plots, "plots", "", "also write pictures (SVG) into this folder: CPU time of "+strings.Join(headlines, " and "))
	f.StringVar(&o.only, "only", "", "comma-separated scenarios: "+strings.Join(names(), ","))
	f.StringVar(&o.gateways, "gateways", "", "comma-separated rows, such as corsgate,nginx; \"\": all")
	f.StringVar(&o.from, "from", "", "measure nothing: write the report again from this report.json")
	f.StringVar(&o.libraries, "libraries", "", "output of go test -bench in benchmarks/libraries, to be part of the report")
	f.IntVar(&o.gatewayCPU, "gateway-cpu", 0, "CPU for the gateway under test")
	f.IntVar(&o.loadCPU, "load-cpu", 1, "CPU for load generator and upstream")
	f.IntVar(&o.rounds, "rounds", 0, "measurements of each figure; 0: 1 with -quick, else 5")
	f.DurationVar(&o.budget, "budget", 0, "leave out what would begin after this long; 0: 150s with -quick, else 2h")
	f.StringVar(&o.child, "child", "", "for compare's own children: load, upstream or slow")
	f.StringVar(&o.port, "port", "", "for -child upstream")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.budget == 0 {
		o.budget = 2 * time.Hour
		if o.quick {
			o.budget = 150 * time.Second
		}
	}
	return o, check(o, f.Args())
}

func check(o options, rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q: all options begin with a dash", rest[0])
	}
	for _, name := range list(o.only) {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("-only %s: there is no such scenario; there are %s", name, strings.Join(names(), ", "))
		}
	}
	return nil
}

// list splits at commas; "" is none.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// names returns the names of all scenarios, those that are measured in process under one name.
func names() (list []string) {
	for _, s := range plan(quickScale()) {
		list = append(list, s.Name)
	}
	return append(list, "inside")
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil // the flag set has told
	}
	if err != nil {
		return err
	}
	switch o.child {
	case "load":
		return loadChild(stdin, stdout)
	case "upstream":
		return serveUpstream(ctx, o.port)
	case "slow":
		return serveSlow(ctx, o.port)
	}
	var r Report
	if o.from != "" {
		text, err := os.ReadFile(o.from)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("read %s: %w", o.from, err)
		}
	} else if r, err = measure(ctx, o, args, stderr); err != nil {
		return err
	}
	if o.libraries != "" {
		text, err := os.ReadFile(o.libraries)
		if err != nil {
			return err
		}
		if r.Libraries = parseLibraries(string(text)); len(r.Libraries) == 0 {
			return fmt.Errorf("%s holds no benchmark of benchmarks/libraries", o.libraries)
		}
	}
	return write(r, o, stdout)
}

// measure makes the whole run.
func measure(ctx context.Context, o options, args []string, stderr io.Writer) (r Report, err error) {
	r = Report{Began: time.Now(), Quick: o.quick, Command: strings.Join(append([]string{"go run ./compare"}, args...), " ")}
	b := &Bench{GatewayCPU: o.gatewayCPU, LoadCPU: o.loadCPU, Progress: stderr, Patience: 2 * time.Minute}
	scale := fullScale()
	if o.quick {
		scale, b.Patience = quickScale(), 15*time.Second
	}
	if o.rounds > 0 {
		scale.Rounds = o.rounds
	}
	if runtime.NumCPU() < 2 {
		b.GatewayCPU, b.LoadCPU = -1, -1
		fmt.Fprintln(stderr, "this machine has one CPU: nothing is pinned, and the load disturbs what it measures")
	}
	defer func() {
		if e := b.Close(); err == nil {
			err = e
		}
	}()
	if err := b.Open(ctx); err != nil {
		return r, err
	}
	if err := b.choose(ctx, o, stderr); err != nil {
		return r, err
	}
	r.Machine, r.Commit = b.describe(), commit(ctx)
	if o.bin != "" {
		r.Commit = o.bin
	}
	for _, p := range b.Peers {
		argv := append(append([]string{}, p.Env...), filepath.Base(p.Program))
		r.Gateways = append(r.Gateways, Version{p.Name, p.version(ctx), strings.Join(append(argv, p.args(p.config, "DIR")...), " ")})
	}
	var chosen []Scenario
	only := list(o.only)
	for _, s := range plan(scale) {
		if len(only) == 0 || slices.Contains(only, s.Name) {
			chosen = append(chosen, s)
		}
	}
	if r.Results, err = b.Run(ctx, chosen, r.Began.Add(o.budget)); err != nil {
		return r, err
	}
	if len(only) == 0 || slices.Contains(only, "inside") {
		fmt.Fprintln(stderr, "\nPreflights cached and computed, in process")
		r.Results = append(r.Results, inside(scale)...)
	}
	r.Took = time.Since(r.Began)
	return r, nil
}

// choose finds or builds what is to be measured.
func (b *Bench) choose(ctx context.Context, o options, stderr io.Writer) (err error) {
	if b.Self, err = os.Executable(); err != nil {
		return err
	}
	b.Wrk, _ = exec.LookPath("wrk") // find tells how to install it
	b.H2load, _ = exec.LookPath("h2load")
	bin := o.bin
	if bin == "" {
		fmt.Fprintln(stderr, "building corsgate …")
		bin = filepath.Join(b.dir, "corsgate")
		if err := build(ctx, bin); err != nil {
			return fmt.Errorf("build corsgate (run compare in benchmarks of its checkout, or say -bin PATH): %w", err)
		}
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	only := list(o.gateways)
	b.Peers = find(stderr, peers(bin), func(name string) bool { return len(only) == 0 || slices.Contains(only, name) })
	if len(b.Peers) == 0 {
		return fmt.Errorf("-gateways %s: nothing of that is to be had here", o.gateways)
	}
	b.CachePeers = find(io.Discard, cachePeers(bin), func(string) bool { return true })
	return nil
}

// build builds corsgate with the versions of its own go.mod, not those of the benchmarks'.
func build(ctx context.Context, bin string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/corsgate/corsgate").Output()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/corsgate")
	cmd.Dir = strings.TrimSpace(string(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
