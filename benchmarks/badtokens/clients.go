//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// newTransport returns a transport for one version of HTTP.
func newTransport(version string) *http.Transport {
	var p http.Protocols
	p.SetHTTP1(version != "2")
	p.SetHTTP2(version == "2")
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: &p, MaxIdleConnsPerHost: 64, DisableCompression: true}
}

// get sends a request and reads the response.
func get(ctx context.Context, t *http.Transport, url, token string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Origin", "https://app.example.com")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := t.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() // it is read
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// pace calls f at the rate, on as many goroutines as are needed up to a bound, and waits for all. f is told when it was due.
func pace(ctx context.Context, rate, workers int, span time.Duration, f func(due time.Time)) {
	due := make(chan time.Time, workers)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for at := range due {
				f(at)
			}
		})
	}
	begin, step := time.Now(), time.Second/time.Duration(rate)
	for n := 0; ctx.Err() == nil; n++ {
		at := begin.Add(time.Duration(n) * step)
		if at.Sub(begin) > span {
			break
		}
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	all.Wait()
}

// ask has honest clients send a good token, and returns how long each answer took.
func ask(ctx context.Context, url, version, token string, o *options) (times []time.Duration, err error) {
	t := newTransport(version)
	defer t.CloseIdleConnections()
	var mu sync.Mutex
	pace(ctx, o.honest, 16, o.span, func(due time.Time) {
		status, failed := get(ctx, t, url, token)
		took := time.Since(due)
		if failed == nil && status != 200 {
			failed = fmt.Errorf("an honest request is answered %d", status)
		}
		mu.Lock()
		defer mu.Unlock()
		err = errors.Join(err, failed)
		times = append(times, took)
	})
	return times, err
}

// flood sends bad tokens for a time, and says what became of them.
func flood(ctx context.Context, url, kind string, o *options) error {
	t := newTransport(o.versions)
	defer t.CloseIdleConnections()
	encode := base64.RawURLEncoding.EncodeToString
	text := func(expires time.Time) string {
		return encode([]byte(`{"alg":"ES256","kid":"k"}`)) + "." + encode(payload(expires)) + "."
	}
	signature := func() string {
		var b [64]byte
		rand.Read(b[:])
		return encode(b[:])
	}
	good, old := text(time.Now().Add(time.Hour)), text(time.Now().Add(-time.Hour))
	same := good + signature()
	var mu sync.Mutex
	answers := map[string]int{}
	begin := time.Now()
	pace(ctx, o.rate, 64, o.span, func(time.Time) {
		token := ""
		switch kind {
		case "one bad signature":
			token = same
		case "new bad signatures":
			token = good + signature()
		case "an expired token":
			token = old + signature()
		}
		status, err := get(ctx, t, url, token)
		answer := fmt.Sprint(status)
		if err != nil {
			answer = "no answer"
		}
		mu.Lock()
		defer mu.Unlock()
		answers[answer]++
	})
	took := time.Since(begin).Seconds()
	var parts []string
	for _, answer := range slices.Sorted(maps.Keys(answers)) {
		parts = append(parts, fmt.Sprintf("%s: %.0f/s", answer, float64(answers[answer])/took))
	}
	fmt.Println(strings.Join(parts, ", "))
	return nil
}
