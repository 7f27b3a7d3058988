//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// upstream answers every path: "/" at once, "/large" with a megabyte, "/echo" with what it got, "/slow" never.
func upstream(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/slow":
		<-r.Context().Done()
	case "/large":
		w.Header().Set("Content-Length", strconv.Itoa(len(large)))
		w.Write(large) // the client has gone
	case "/echo":
		http.NewResponseController(w).EnableFullDuplex() // it is HTTP/1.1
		w.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		io.Copy(w, r.Body) // likewise
	default:
		io.WriteString(w, "ok "+r.URL.RawQuery) // likewise
	}
}

var large = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)

// A crowd is honest clients, each with a connection of its own.
type crowd struct {
	mu     sync.Mutex
	times  []time.Duration // of small requests
	count  int
	faults []string // what went wrong
}

// run has clients ask until ctx is done.
func (c *crowd) run(ctx context.Context, address string, clients int) {
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { c.client(ctx, "https://"+address, uint64(i)) })
	}
	all.Wait()
}

func (c *crowd) client(ctx context.Context, url string, seed uint64) {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: &protocols, DisableCompression: true,
		IdleConnTimeout: time.Second} // a stream that was cancelled last may still hold its connection when idle ones are closed
	defer t.CloseIdleConnections()
	r := rand.New(rand.NewPCG(seed, 1))
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		small, err := visit(ctx, t, url, r, fmt.Sprint(seed, "-", n))
		took := time.Since(began)
		if err != nil && ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		if c.count++; err != nil && len(c.faults) < 20 {
			c.faults = append(c.faults, err.Error())
		}
		if small {
			c.times = append(c.times, took)
		}
		c.mu.Unlock()
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
	}
}

// visit makes one request, now and then one that it cancels, and checks what comes. small reports whether it was one of those whose time is
// of interest.
func visit(ctx context.Context, t *http.Transport, url string, r *rand.Rand, query string) (small bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	method, path, want := "GET", "/?"+query, "ok "+query
	var content io.Reader
	switch kind := r.IntN(20); kind {
	case 0:
		path, want = "/large", string(large)
	case 1:
		want = strings.Repeat("x", r.IntN(100_000))
		method, path, content = "POST", "/echo", strings.NewReader(want)
	case 2:
		path = "/slow"
		cancel := time.AfterFunc(time.Duration(r.IntN(10))*time.Millisecond, cancel)
		defer cancel.Stop()
	case 3:
		method, want = "OPTIONS", ""
	default:
		small = true
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, content)
	if err != nil {
		return small, err
	}
	if method == "OPTIONS" {
		req.Header.Set("Origin", "https://app.example.com")
		req.Header.Set("Access-Control-Request-Method", "PUT")
	}
	res, err := t.RoundTrip(req)
	if path == "/slow" {
		if err == nil {
			res.Body.Close() // it is read
			return small, fmt.Errorf("%s: got %s, want nothing", path, res.Status)
		}
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return small, err
	}
	if err != nil {
		return small, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close() // it is read
	got, err := io.ReadAll(res.Body)
	if err != nil || string(got) != want || res.StatusCode/100 != 2 {
		return small, fmt.Errorf("%s %s: %s, %d bytes, %v, want %d", method, path, res.Status, len(got), err, len(want))
	}
	return small, nil
}

// quantile returns that of the times, which it sorts.
func (c *crowd) quantile(q float64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.times) == 0 {
		return 0
	}
	slices.Sort(c.times)
	return c.times[int(q*float64(len(c.times)-1))]
}
