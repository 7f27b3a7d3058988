//go:build linux

// Command authcost measures what it costs to know who asks, beside nginx and HAProxy:
//
//	go run ./authcost
//
// It is run in the folder benchmarks. Each gateway forwards to the same nginx: corsgate without auth, with a token that is remembered
// and with a remembered decision of an authoriser, nginx without auth and with auth_request and proxy_cache, HAProxy without auth and
// with jwt_verify, which verifies a signature for each request. One CPU for the gateway, the other for wrk and the upstream. What is shown
// is CPU time per request, as the median of rounds in which all take turns, and the median of each round's ratio to nginx with
// auth_request. Programs that are not installed are left out. Everything listens on 127.0.0.1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
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

func main() {
	bin := flag.String("bin", "", "corsgate's binary; \"\": build it from this checkout")
	rounds := flag.Int("rounds", 5, "rounds")
	span := flag.Duration("span", 2*time.Second, "how long each measurement takes")
	connections := flag.Int("connections", 64, "of wrk")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *rounds, *connections, *span); err != nil {
		fmt.Fprintln(os.Stderr, "authcost:", err)
		os.Exit(1)
	}
}

// A subject is a gateway with one way to find out who asks.
type subject struct {
	name, url string
	process   *exec.Cmd
	micros    []float64 // CPU time per request, by round
}

func run(ctx context.Context, bin string, rounds, connections int, span time.Duration) error {
	dir, err := os.MkdirTemp("", "authcost")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if bin == "" {
		bin = filepath.Join(dir, "corsgate")
		build := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/corsgate")
		build.Dir, build.Stderr = "..", os.Stderr
		if err := build.Run(); err != nil {
			return err
		}
	}
	token, err := write(dir)
	if err != nil {
		return err
	}
	subjects, end, err := start(dir, bin)
	defer end()
	if err != nil {
		return err
	}
	for i := range subjects { // each answers, and what is to be remembered is
		if err := ready(ctx, subjects[i].url, token); err != nil {
			return fmt.Errorf("%s: %w", subjects[i].name, err)
		}
	}
	for round := range rounds + 1 {
		for i := range subjects {
			s := &subjects[(i+round)%len(subjects)]
			micros, err := s.measure(ctx, token, connections, span)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if round > 0 { // the first is for warmth
				s.micros = append(s.micros, micros)
			}
		}
	}
	show(subjects)
	return nil
}

func show(subjects []subject) {
	base := slices.IndexFunc(subjects, func(s subject) bool { return s.name == "nginx, auth_request" })
	fmt.Printf("%-28s %14s %8s  %s\n", "", "CPU µs/request", "ratio", "each round's ratio")
	for _, s := range subjects {
		var ratios []float64
		var each strings.Builder
		for i, micros := range s.micros {
			if base >= 0 {
				ratios = append(ratios, micros/subjects[base].micros[i])
				fmt.Fprintf(&each, " %.2f", ratios[i])
			}
		}
		fmt.Printf("%-28s %14.2f %8.2f %s\n", s.name, median(s.micros), median(ratios), each.String())
	}
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// ready waits until a request with the token is answered 200.
func ready(ctx context.Context, url, token string) error {
	var last error
	for range 100 {
		r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			res.Body.Close() // it is not read
			if res.StatusCode == 200 {
				return nil
			}
			err = errors.New(res.Status)
		}
		last = err
		time.Sleep(50 * time.Millisecond)
	}
	return last
}

// measure returns the CPU time of a request, in microseconds.
func (s *subject) measure(ctx context.Context, token string, connections int, span time.Duration) (float64, error) {
	before, err := cpu(s.process.Process.Pid)
	if err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, "taskset", "-c", "1", "wrk", "-t1", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(max(1, int(span.Seconds())))+"s",
		"-H", "Authorization: Bearer "+token, s.url).Output()
	if err != nil {
		return 0, err
	}
	after, err := cpu(s.process.Process.Pid)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(out))
	at := slices.Index(fields, "requests")
	if at < 1 || slices.Contains(fields, "Non-2xx") {
		return 0, fmt.Errorf("wrk says %q", out)
	}
	n, err := strconv.Atoi(fields[at-1])
	return float64(after-before) / float64(time.Microsecond) / float64(n), err
}

// cpu returns the processor time of a process and its children.
func cpu(pid int) (total time.Duration, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("process %d has gone", pid)
	}
	for _, task := range tasks {
		if b, err := os.ReadFile(task + "/schedstat"); err == nil { // it may have ended
			nanos, _ := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
			total += time.Duration(nanos)
		}
		children, _ := os.ReadFile(task + "/children")
		for _, child := range strings.Fields(string(children)) {
			id, _ := strconv.Atoi(child)
			if more, err := cpu(id); err == nil {
				total += more
			}
		}
	}
	return total, nil
}

// free returns addresses that nothing listens on.
func free(n int) (list []string, err error) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // all are held until all are known
		list = append(list, ln.Addr().String())
	}
	return list, nil
}
