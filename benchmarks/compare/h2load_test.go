//go:build linux

package main

import (
	"math"
	"slices"
	"strings"
	"testing"
)

const h2Output = `starting benchmark...
Application protocol: h2

finished in 312.50ms, 64000.00 req/s, 2.71MB/s
requests: 20000 total, 20000 started, 20000 done, 19990 succeeded, 10 failed, 3 errored, 2 timeout
status codes: 19990 2xx, 0 3xx, 4 4xx, 1 5xx
traffic: 868.26KB (889096) total, 197.89KB (202640) headers (space savings 97.58%), 0B (0) data
`

func TestParseH2load(t *testing.T) {
	got, err := parseH2load(h2Output)
	if want := (LoadResult{Seconds: 0.3125, Done: 20000, Bad: 5, Broken: 5}); err != nil || got != want {
		t.Errorf("parseH2load = %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", strings.Replace(h2Output, "protocol: h2", "protocol: http/1.1", 1), strings.Replace(h2Output, "finished", "began", 1),
		strings.Replace(h2Output, "requests:", "", 1), strings.Replace(h2Output, "status codes:", "", 1)} {
		if _, err := parseH2load(bad); err == nil {
			t.Errorf("parseH2load(%q) is no error", bad)
		}
	}
}

func TestH2Arguments(t *testing.T) {
	got := h2Arguments("OPTIONS /a HTTP/1.1\r\nHost: api.example.com\r\nOrigin: https://a.example\r\n\r\n", 81)
	want := []string{"-H", ":method: OPTIONS", "-H", ":authority: api.example.com", "-H", "origin: https://a.example", "https://127.0.0.1:81/a"}
	if !slices.Equal(got, want) {
		t.Errorf("h2Arguments = %q, want %q", got, want)
	}
}

// What both runs have in common does not count.
func TestSlope(t *testing.T) {
	const handshakes, each = 3e3, 7.0 // µs
	run := func(n int) Run {
		return Run{CPU: (handshakes + each*float64(n)) / float64(n), LoadResult: LoadResult{Done: n}}
	}
	if got := slope(run(1000), run(4000), Run.cpuSeconds) * 1e6; math.Abs(got-each) > 1e-9 {
		t.Errorf("slope = %v µs, want %v", got, each)
	}
}
