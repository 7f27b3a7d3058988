//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestParseWrk(t *testing.T) {
	out := "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  Thread Stats   Avg\n  100 requests in 1.00s\n" +
		`compare {"seconds":1.004312,"done":100,"bad":3,"broken":2,"p50":110.0,"p99":2200.5,"p999":9000.0}` + "\n"
	got, err := parseWrk([]byte(out))
	want := LoadResult{Seconds: 1.004312, Done: 100, Bad: 3, Broken: 2, P50: 110, P99: 2200.5, P999: 9000}
	if err != nil || got != want {
		t.Errorf("parseWrk = %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "Running 1s test\n", "compare {\n"} {
		if _, err := parseWrk([]byte(bad)); err == nil {
			t.Errorf("parseWrk(%q) is no error", bad)
		}
	}
}

func TestScript(t *testing.T) {
	got := script([]string{"GET / HTTP/1.1\r\nX: \"a\"\r\n\r\n", upload(app, users, 1<<20)})
	for _, want := range []string{`"GET / HTTP/1.1\r\nX: \"a\"\r\n\r\n",`, "string.rep('x', 1048576)", "done = function"} {
		if !strings.Contains(got, want) {
			t.Errorf("the script lacks %s", want)
		}
	}
	if len(got) > 4096 {
		t.Errorf("the script has %d bytes: the body is spelt out", len(got))
	}
}
