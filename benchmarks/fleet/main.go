// Fleet measures what a fleet costs its etcd, and how soon a push reaches all nodes: as many nodes as are asked for, in
// this process, each with connections of its own, and one real etcd in another.
//
//	cd benchmarks && go run ./fleet -nodes 1000
//
// What it leaves on stdout is a table for deploy/fleet-etcd.md. It needs Linux, for /proc.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/fleet"
	"github.com/corsgate/corsgate/gateway/fleet/etcdtest"
)

func main() {
	var o options
	flag.IntVar(&o.nodes, "nodes", 1000, "how many nodes")
	flag.IntVar(&o.pushes, "pushes", 10, "how many pushes, five seconds apart")
	flag.IntVar(&o.size, "size", 20_000, "how long a configuration is, in bytes")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long etcd is watched between pushes")
	flag.DurationVar(&o.pace, "pace", time.Minute, "how often a node reports")
	flag.IntVar(&o.members, "members", 1, "how many members etcd has")
	flag.Parse()
	b := &bench{}
	defer b.end()
	if err := o.run(b); err != nil {
		b.Fatalf("%v", err)
	}
}

type options struct {
	nodes, pushes, size, members int
	idle, pace                   time.Duration
}

// A bench is what etcdtest takes for a test.
type bench struct{ cleanups []func() }

func (b *bench) Helper()          {}
func (b *bench) Cleanup(f func()) { b.cleanups = append(b.cleanups, f) }

func (b *bench) TempDir() string {
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		b.Fatalf("%v", err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (b *bench) Fatalf(format string, args ...any) {
	b.end()
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func (b *bench) end() {
	for _, f := range slices.Backward(b.cleanups) {
		f()
	}
	b.cleanups = nil
}

// A crowd is the nodes. A push is over when each has applied it.
type crowd struct {
	mu      sync.Mutex
	applied map[int64][]time.Time // by revision
}

func (c *crowd) apply(r fleet.Revision) error {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied[r.Number] = append(c.applied[r.Number], now)
	return nil
}

// took returns how long each node needed for a revision, shortest first, when all have it.
func (c *crowd) took(number int64, nodes int, start time.Time) []time.Duration {
	for {
		c.mu.Lock()
		times := slices.Clone(c.applied[number])
		c.mu.Unlock()
		if len(times) < nodes && time.Since(start) < time.Minute {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		var all []time.Duration
		for _, t := range times {
			all = append(all, t.Sub(start))
		}
		slices.Sort(all)
		return all
	}
}

func (o options) run(b *bench) error {
	c := etcdtest.Start(b, etcdtest.Options{Members: o.members, Fsync: true})
	settings := fleet.Options{Endpoints: c.Endpoints(), Prefix: "/corsgate/bench/", Pace: o.pace}
	s, err := fleet.Open(settings)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	all := &crowd{applied: make(map[int64][]time.Time)}
	var joined sync.WaitGroup
	defer joined.Wait()
	defer cancel()

	text := func() string { return fmt.Sprint(rand.Uint64(), strings.Repeat("x", o.size)) }
	if _, err := s.Push(ctx, fleet.Revision{Text: text()}, 0); err != nil {
		return err
	}
	began := time.Now()
	for i := range o.nodes {
		joined.Go(func() { o.node(ctx, settings, fmt.Sprintf("edge%05d", i), all) })
	}
	joining := all.took(1, o.nodes, began)
	fmt.Fprintf(os.Stderr, "%d nodes follow after %v\n", len(joining), joining[len(joining)-1])
	time.Sleep(min(o.pace, 15*time.Second)) // all have reported, and their paces have come apart
	listed, err := s.Nodes(ctx)
	if err != nil {
		return err
	}

	idle, err := o.watch(ctx, s, c)
	if err != nil {
		return err
	}
	var took, max []time.Duration
	var pushing usage
	for i := range o.pushes {
		before, err := take(c)
		if err != nil {
			return err
		}
		start := time.Now()
		r, err := s.Push(ctx, fleet.Revision{Text: text()}, int64(i+1))
		if err != nil {
			return err
		}
		one := all.took(r.Number, o.nodes, start)
		took, max = append(took, one...), append(max, one[len(one)-1])
		time.Sleep(5*time.Second - time.Since(start)) // the reports of it
		after, err := take(c)
		if err != nil {
			return err
		}
		pushing = pushing.plus(after.minus(before))
		fmt.Fprintf(os.Stderr, "push %d took %v\n", i, one[len(one)-1])
		if len(one) < o.nodes {
			fmt.Printf("push %d reached %d of %d nodes in a minute\n", i, len(one), o.nodes)
		}
	}
	slices.Sort(took)
	return o.print(b, c, len(listed), joining, idle, took, max, pushing)
}

// node is one node's life. It has served a hundred requests more each time that it is asked.
func (o options) node(ctx context.Context, settings fleet.Options, name string, all *crowd) {
	s, err := fleet.Open(settings)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	defer s.Close()
	var served atomic.Uint64
	started := time.Now()
	var told sync.WaitGroup
	defer told.Wait()
	told.Go(func() { // as corsgate does
		for {
			_ = s.See(ctx, name, strings.Repeat("y", 10_000))
			if !sleep(ctx, time.Minute) {
				return
			}
		}
	})
	s.Join(ctx, name, func() fleet.Node {
		n := served.Add(100)
		return fleet.Node{Address: "192.0.2.1:443", Version: "1.0.0", Ready: true, Started: started, Requests: n, Refused: n / 50, Failed: n / 1000}
	}, all.apply)
}

// watch returns what etcd uses in a second while nothing happens but reports.
func (o options) watch(ctx context.Context, s *fleet.Store, c *etcdtest.Cluster) (usage, error) {
	before, err := take(c)
	if err != nil {
		return usage{}, err
	}
	if !sleep(ctx, o.idle) {
		return usage{}, ctx.Err()
	}
	after, err := take(c)
	return after.minus(before), err
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// print writes the table.
func (o options) print(b *bench, c *etcdtest.Cluster, listed int, joining []time.Duration, idle usage, took, max []time.Duration, pushing usage) error {
	size, err := resident(c)
	if err != nil {
		return err
	}
	seconds := idle.at.Sub(time.Time{}).Seconds()
	row := func(what, format string, args ...any) {
		fmt.Printf("| %s | "+format+" |\n", append([]any{what}, args...)...)
	}
	fmt.Printf("| %d nodes, %d member(s), %d bytes | |\n| --- | ---: |\n", o.nodes, o.members, o.size)
	row("nodes listed", "%d", listed)
	row("all joined at once: the last after", "%.1f s", joining[len(joining)-1].Seconds())
	row("push, from its begin: median of all nodes", "%d ms", took[len(took)/2].Milliseconds())
	row("p99", "%d ms", took[len(took)*99/100].Milliseconds())
	row("the last node: median and worst of the pushes", "%d ms, %d ms", slices.Sorted(slices.Values(max))[len(max)/2].Milliseconds(), slices.Max(max).Milliseconds())
	row("etcd between pushes: CPU", "%.1f %% of one", 100*idle.cpu.Seconds()/seconds)
	row("writes", "%.0f/s", idle.writes/seconds)
	row("received, sent", "%.0f kB/s, %.0f kB/s", idle.received/seconds/1e3, idle.sent/seconds/1e3)
	row("for a push and what follows: CPU", "%.2f s", pushing.cpu.Seconds()/float64(o.pushes)-5*idle.cpu.Seconds()/seconds)
	row("sent", "%.1f MB", (pushing.sent/float64(o.pushes)-5*idle.sent/seconds)/1e6)
	row("its file grows, until it is told to forget", "%.0f MB/h", idle.grown/seconds*3600/1e6)
	row("etcd's memory", "%d MB", size>>20)
	row("slowest write to disk (99 in 100)", "%s", idle.disk())
	return nil
}
