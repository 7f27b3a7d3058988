//go:build linux

// Command hostile attacks corsgate over HTTP/2, beside honest clients, and checks that these lose nothing:
//
//	go run ./hostile                  each attack once: how it ends, what it costs, what the neighbours notice
//	go run ./hostile -minutes 10      all of them at random, at once
//
// It is run in the folder benchmarks. At the end no connection, stream, exchange or tunnel may be left, and the gateway has to
// end when it is told to. Everything listens on 127.0.0.1. It exits with 1 if anything was found.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	problems, err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(2)
	}
	for _, p := range problems {
		fmt.Println("FOUND:", p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

// most is within how many frames an attack has to end that costs anything.
const most = 1500

type options struct {
	bin, engine, only string
	minutes           float64
	frames            int
	honest, hostile   int
	seed              uint64
}

func run(ctx context.Context) (problems []string, err error) {
	var o options
	flag.StringVar(&o.bin, "bin", "", "corsgate's binary; \"\": build it from this checkout")
	flag.StringVar(&o.engine, "engine", "auto", "auto or fasthttp")
	flag.StringVar(&o.only, "only", "", "one attack, by its name")
	flag.Float64Var(&o.minutes, "minutes", 0, "attack at random for so long; 0: each attack once")
	flag.IntVar(&o.frames, "frames", 20_000, "frames of an attack")
	flag.IntVar(&o.honest, "honest", 8, "honest clients")
	flag.IntVar(&o.hostile, "hostile", 6, "attacks at once, with -minutes")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of what is random")
	flag.Parse()
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if o.bin == "" {
		o.bin = filepath.Join(dir, "corsgate")
		build := exec.Command("go", "build", "-o", o.bin, "./cmd/corsgate")
		build.Dir, build.Stderr = "..", os.Stderr
		if err := build.Run(); err != nil {
			return nil, err
		}
	}
	server := httptest.NewServer(http.HandlerFunc(upstream))
	defer server.Close()
	g, err := start(ctx, dir, o.bin, o.engine, server.URL)
	if g != nil && g.Process != nil {
		defer g.Process.Kill() // it has ended, but for an error
	}
	if err != nil {
		return nil, err
	}
	fmt.Println("seed", o.seed)
	if o.minutes > 0 {
		problems, err = soak(ctx, g, &o)
	} else {
		problems, err = each(ctx, g, &o)
	}
	if err != nil {
		return problems, err
	}
	left, err := g.quiet(20 * time.Second)
	if err != nil {
		return problems, err
	}
	for _, l := range left {
		problems = append(problems, "left: "+l)
	}
	_, rss, err := g.cpu()
	if err != nil {
		return problems, err
	}
	fmt.Printf("all gauges are zero: %t; resident memory %d MiB\n", len(left) == 0, rss>>20)
	if err := g.stop(); err != nil {
		problems = append(problems, "the gateway ends with "+err.Error())
	}
	return problems, nil
}

// each makes each attack once, beside honest clients.
func each(ctx context.Context, g *gateway, o *options) (problems []string, err error) {
	before, _, err := g.cpu()
	if err != nil {
		return nil, err
	}
	alone := beside(ctx, g, o, func() { time.Sleep(2 * time.Second) })
	after, _, err := g.cpu()
	if err != nil {
		return nil, err
	}
	problems = alone.faults
	fmt.Printf("%-36s %8s %10s %-32s %10s %10s\n", "attack", "frames", "CPU ms", "end", "p50 ms", "p99 ms")
	show := func(name string, e end, cpu time.Duration, c *crowd) {
		fmt.Printf("%-36s %8d %10.0f %-32s %10.2f %10.2f\n", name, e.frames, ms(cpu), e.how, ms(c.quantile(.5)), ms(c.quantile(.99)))
	}
	show("(the neighbours alone)", end{}, after-before, alone)
	for i := range attacks {
		k := &attacks[i]
		if o.only != "" && o.only != k.name || ctx.Err() != nil {
			continue
		}
		var e end
		var cpu time.Duration
		var failed error
		c := beside(ctx, g, o, func() {
			before, _, err := g.cpu()
			if err != nil {
				failed = err
				return
			}
			began := time.Now()
			if e, failed = k.run(g.address, o.frames, 3*time.Second, o.seed, true); failed != nil {
				return
			}
			time.Sleep(max(0, 2*time.Second-time.Since(began))) // for the neighbours' figures
			after, _, err := g.cpu()
			cpu, failed = after-before, err
		})
		if failed != nil {
			return problems, fmt.Errorf("%s: %w", k.name, failed)
		}
		show(k.name, e, cpu, c)
		for _, f := range c.faults {
			problems = append(problems, k.name+": a neighbour: "+f)
		}
		if !k.holds && (e.frames > most || e.how == "not ended") {
			problems = append(problems, fmt.Sprintf("%s: %d frames, %s", k.name, e.frames, e.how))
		}
	}
	return problems, nil
}

// beside runs f beside honest clients.
func beside(ctx context.Context, g *gateway, o *options, f func()) *crowd {
	c := &crowd{}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { c.run(ctx, g.address, o.honest) })
	f()
	cancel()
	all.Wait()
	return c
}

// soak makes attacks at random, several at once, beside honest clients.
func soak(ctx context.Context, g *gateway, o *options) (problems []string, err error) {
	until, cancel := context.WithTimeout(ctx, time.Duration(o.minutes*float64(time.Minute)))
	defer cancel()
	var made, failed atomic.Int64
	c := beside(until, g, o, func() {
		var all sync.WaitGroup
		for n := range o.hostile {
			all.Go(func() {
				r := rand.New(rand.NewPCG(o.seed, uint64(n)))
				for until.Err() == nil {
					k := &attacks[r.IntN(len(attacks))]
					if _, err := k.run(g.address, 1+r.IntN(o.frames), time.Duration(r.IntN(8000))*time.Millisecond, r.Uint64(), false); err != nil {
						failed.Add(1)
					}
					made.Add(1)
				}
			})
		}
		for until.Err() == nil {
			select {
			case <-until.Done():
			case <-time.After(time.Minute):
				_, rss, _ := g.cpu()
				fmt.Printf("%s: %d attacks, %d MiB\n", time.Now().UTC().Format(time.TimeOnly), made.Load(), rss>>20)
			}
		}
		all.Wait()
	})
	m, err := g.metrics()
	if err != nil {
		return c.faults, err
	}
	fmt.Printf("%d attacks (%d could not begin); %d honest requests, %d faults, p50 %.2f ms, p99 %.2f ms\n",
		made.Load(), failed.Load(), c.count, len(c.faults), ms(c.quantile(.5)), ms(c.quantile(.99)))
	fmt.Printf("floods %.0f, refused streams %.0f, resets %.0f, GOAWAY %.0f\n", m["corsgate_http2_floods_total"],
		m["corsgate_http2_refused_streams_total"], m["corsgate_http2_resets_total"], m["corsgate_http2_goaways_total"])
	return c.faults, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
