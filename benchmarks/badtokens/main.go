//go:build linux

// Command badtokens measures what honest clients notice of a flood of bad tokens:
//
//	go run ./badtokens                              both engines, over HTTP/1.1 and HTTP/2, 5 000 bad tokens per second
//	go run ./badtokens -engines auto -versions 2    one of them
//
// It is run in the folder benchmarks. Honest clients send one good token again and again, at fixed times; latency counts from then.
// The flood comes from another process and in four kinds, which take turns: requests without a token, which cost what any refusal
// costs, one token whose signature is bad, tokens with new bad signatures, and an expired token. Everything listens on 127.0.0.1.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	bin               string
	engines, versions string
	rate, rounds      int
	honest            int
	span              time.Duration
}

func main() {
	var o options
	var attack, kind string
	flag.StringVar(&o.bin, "bin", "", "corsgate's binary; \"\": build it from this checkout")
	flag.StringVar(&o.engines, "engines", "auto,fasthttp", "engines")
	flag.StringVar(&o.versions, "versions", "1.1,2", "versions of HTTP")
	flag.IntVar(&o.rate, "rate", 5000, "requests of the flood, per second")
	flag.IntVar(&o.honest, "honest", 400, "honest requests, per second")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds, of which medians are shown")
	flag.DurationVar(&o.span, "span", 3*time.Second, "how long each measurement takes")
	flag.StringVar(&attack, "attack", "", "be the flood against this URL")
	flag.StringVar(&kind, "kind", "", "its kind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if attack != "" {
		err = flood(ctx, attack, kind, &o)
	} else {
		err = run(ctx, &o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "badtokens:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	dir, err := os.MkdirTemp("", "badtokens")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.bin == "" {
		o.bin = filepath.Join(dir, "corsgate")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.bin, "./cmd/corsgate")
		build.Dir, build.Stderr = "..", os.Stderr
		if err := build.Run(); err != nil {
			return err
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) })) // the client has gone
	defer server.Close()
	for engine := range strings.SplitSeq(o.engines, ",") {
		g, err := start(ctx, dir, o.bin, engine, server.URL)
		if err == nil {
			for version := range strings.SplitSeq(o.versions, ",") {
				if err = compare(ctx, g, engine, version, o); err != nil {
					break
				}
			}
		}
		if g != nil {
			g.stop()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kinds are what may come beside honest requests.
var kinds = []string{"nothing", "no token", "one bad signature", "new bad signatures", "an expired token"}

// A sample is one measurement.
type sample struct {
	p50, p99 time.Duration
	cpu      float64 // of one processor, by the gateway
	flood    string  // what became of it
}

// compare measures all kinds in turn, and shows medians.
func compare(ctx context.Context, g *gateway, engine, version string, o *options) error {
	samples := map[string][]sample{}
	for range o.rounds {
		for _, kind := range kinds {
			s, err := measure(ctx, g, version, kind, o)
			if err != nil {
				return fmt.Errorf("%s, HTTP/%s, %s: %w", engine, version, kind, err)
			}
			samples[kind] = append(samples[kind], s)
		}
	}
	fmt.Printf("\nengine %s, HTTP/%s, %d honest requests per second beside %d\n", engine, version, o.honest, o.rate)
	fmt.Printf("%-20s %8s %8s %16s %16s %6s  %s\n", "beside", "p50 ms", "p99 ms", "p99 to nothing", "p99 to no token", "CPU", "answers to the flood (last round)")
	p99 := func(s sample) time.Duration { return s.p99 }
	alone, refused := median(samples[kinds[0]], p99), median(samples[kinds[1]], p99)
	for _, kind := range kinds {
		list := samples[kind]
		m := median(list, p99)
		fmt.Printf("%-20s %8.2f %8.2f %16.2f %16.2f %6.2f  %s\n", kind, ms(median(list, func(s sample) time.Duration { return s.p50 })), ms(m),
			float64(m)/float64(alone), float64(m)/float64(refused), median(list, func(s sample) float64 { return s.cpu }), list[len(list)-1].flood)
	}
	return nil
}

func median[T cmp.Ordered](list []sample, of func(sample) T) T {
	var all []T
	for _, s := range list {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measure has honest clients ask beside a flood.
func measure(ctx context.Context, g *gateway, version, kind string, o *options) (s sample, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	url := g.url(version)
	var out strings.Builder
	var child *exec.Cmd
	if kind != kinds[0] {
		self, err := os.Executable()
		if err != nil {
			return s, err
		}
		child = exec.CommandContext(ctx, self, "-attack", url, "-kind", kind, "-rate", strconv.Itoa(o.rate), "-versions", version, "-span", (o.span + time.Second).String())
		child.Stdout, child.Stderr = &out, os.Stderr
		if err := child.Start(); err != nil {
			return s, err
		}
	}
	time.Sleep(500 * time.Millisecond) // the flood begins
	before, err := g.cpu()
	if err != nil {
		return s, err
	}
	times, err := ask(ctx, url, version, g.token(time.Hour), o)
	if err != nil {
		return s, err
	}
	after, err := g.cpu()
	if err != nil {
		return s, err
	}
	if child != nil {
		if err := child.Wait(); err != nil {
			return s, err
		}
	}
	slices.Sort(times)
	at := func(q float64) time.Duration { return times[int(q*float64(len(times)-1))] }
	return sample{at(.5), at(.99), (after - before).Seconds() / o.span.Seconds(), strings.TrimSpace(out.String())}, nil
}
