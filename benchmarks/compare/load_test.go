//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestMain lets the test's binary be compare's child, as compare's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-child" {
		main()
		return
	}
	os.Exit(m.Run())
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// load puts l on a server with the given handler.
func load(t *testing.T, l Load, h http.HandlerFunc) LoadResult {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	defer s.CloseClientConnections() // the generator may leave requests unanswered
	l.Port = s.Listener.Addr().(*net.TCPAddr).Port
	r, err := l.run()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFixedRate(t *testing.T) {
	l := Load{Connections: 4, Rate: 500, Duration: 200 * time.Millisecond, Requests: []string{forward(app, users), upload(app, users, 100_000)}}
	r := load(t, l, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // a test
		io.WriteString(w, "hello")  // a test
	})
	if r.Done+r.Late != 100 || r.Done == 0 || r.Bad+r.Broken > 0 {
		t.Errorf("500 per second for 200 ms: %+v; want 100 done or late, and no fault", r)
	}
}

// What nobody answers counts from when it was due: half of all wait half of the time, though all but the first few
// are never sent.
func TestNoCoordinatedOmission(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	l := Load{Connections: 2, Rate: 1000, Duration: 200 * time.Millisecond, Requests: []string{forward(app, users)}}
	r := load(t, l, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	if r.Done != 0 || r.Late != 200 || r.P50 < 99_000 {
		t.Errorf("a server that never answers: %+v; want 200 late, p50 of 100 ms or more", r)
	}
}

func TestFaults(t *testing.T) {
	l := Load{Connections: 2, Duration: 50 * time.Millisecond, Requests: []string{forward(app, users)}}
	if r := load(t, l, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }); r.Bad == 0 || r.Bad != r.Done {
		t.Errorf("a server that answers 503: %+v; want all bad", r)
	}
	if r := load(t, l, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }); r.Broken == 0 || r.Done > 0 {
		t.Errorf("a server that hangs up: %+v; want all broken", r)
	}
	if _, err := (Load{Port: 1, Connections: 1, Duration: time.Second, Requests: l.Requests}).run(); err == nil {
		t.Error("a port where nobody listens is no error")
	}
}

// An answer is the same in one piece and in any two.
func TestTake(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: a\r\ncontent-length:  5\r\n\r\nhello",
		"HTTP/1.1 204 No Content\r\nVary: Origin\r\n\r\n",
		"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
	} {
		for range 100 {
			cut := 1 + r.IntN(len(answer)-1)
			c := conn{body: -1}
			first, _, err := c.take([]byte(answer[:cut]))
			second, _, err2 := c.take([]byte(answer[cut:]))
			if first || !second || errors.Join(err, err2) != nil {
				t.Fatalf("%q cut at %d: complete %t, then %t; %v, %v", answer, cut, first, second, err, err2)
			}
		}
	}
	for _, bad := range []string{"HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 OK\r\n\r\nmore"} {
		if _, _, err := (&conn{body: -1}).take([]byte(bad)); err == nil {
			t.Errorf("take(%q) is no error", bad)
		}
	}
}

// One cell of a real comparison, from the build to the clean end: corsgate, and a product that decides otherwise.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("builds corsgate")
	}
	bin := filepath.Join(t.TempDir(), "corsgate")
	if err := build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "") // neither nginx nor wrk: children stand in for both
	other := peers(bin)[0]
	other.Name, other.adjust = "other", func(v *values) { v.Origins = []string{"https://elsewhere.test"} }
	var progress bytes.Buffer
	b := &Bench{Peers: []Peer{peers(bin)[0], other}, Self: self, GatewayCPU: -1, LoadCPU: -1, Patience: 20 * time.Second, Progress: &progress}
	ctx, cancel := context.WithCancel(context.Background())
	if err := b.Open(ctx); err != nil {
		t.Fatal(err)
	}
	s := Scale{Rounds: 2, For: 100 * time.Millisecond, Connections: []int{2}}.connections("x", "X", forward(app, users))
	results, err := b.Run(ctx, []Scenario{s}, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	row := results[0].row("corsgate", 2)
	if row == nil || len(row.Runs) != 2 || row.median(CPU) <= 0 || row.median(Memory) <= 0 || row.Runs[0].Done == 0 {
		t.Errorf("corsgate's row is %+v; it told %s", row, &progress)
	}
	if absent := results[0].Absent; len(absent) != 1 || absent[0].Gateway != "other" {
		t.Errorf("absent: %+v; want the one that decides otherwise", absent)
	}
	if got := b.anonymous(b.dir + "/gateway-12/corsgate.toml:3: x"); got != "corsgate.toml:3: x" {
		t.Errorf("anonymous = %q, want no folder", got)
	}
	cancel()
	if _, err := b.Run(ctx, []Scenario{s}, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("Run after Ctrl-C = %v, want %v", err, context.Canceled)
	}
	pid, dir := b.upstream.Pid, b.dir
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
	if _, err := cpuTime(pid); err == nil {
		t.Error("the upstream still runs")
	}
}
