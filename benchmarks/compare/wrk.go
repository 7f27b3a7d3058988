//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// wrkScript is the end of every script for wrk: requests is a list above it. wrk's own text rounds and has no
// p99.9, hence done prints one line of JSON. Latencies are in microseconds.
const wrkScript = `
local i = 0
request = function()
  i = i % #requests + 1
  return requests[i]
end
done = function(s, l)
  local e = s.errors
  io.write(string.format('compare {"seconds":%.6f,"done":%d,"bad":%d,"broken":%d,"p50":%.1f,"p99":%.1f,"p999":%.1f}\n',
    s.duration / 1e6, s.requests, e.status, e.connect + e.read + e.write + e.timeout,
    l:percentile(50), l:percentile(99), l:percentile(99.9)))
end
`

// script returns the script that lets wrk send requests in turn.
func script(requests []string) string {
	var b strings.Builder
	b.WriteString("local requests = {\n")
	for _, r := range requests {
		head, body, _ := strings.Cut(r, "\r\n\r\n")
		b.WriteString(quoteLua(head + "\r\n\r\n"))
		if body != "" { // they are all x; a megabyte need not be spelt out
			fmt.Fprintf(&b, " .. string.rep('x', %d)", len(body))
		}
		b.WriteString(",\n")
	}
	return b.String() + "}\n" + wrkScript
}

// quoteLua quotes ASCII text; Lua knows Go's escapes for CR, LF and the quote.
func quoteLua(s string) string { return strconv.Quote(s) }

// closedByWrk lets wrk put a workload on port: each connection sends its next request when it has its answer.
func (b *Bench) closedByWrk(ctx context.Context, port int, scheme string, w Workload, d time.Duration) (LoadResult, error) {
	path := filepath.Join(b.dir, "load.lua")
	if err := os.WriteFile(path, []byte(script(w.Requests)), 0o644); err != nil {
		return LoadResult{}, err
	}
	seconds := max(1, int(d.Round(time.Second)/time.Second)) // wrk knows no fractions
	out, used, err := runPinned(ctx, b.LoadCPU, nil, []string{b.Wrk, "-t1", fmt.Sprintf("-c%d", w.Connections),
		fmt.Sprintf("-d%ds", seconds), "-s", path, scheme + "://" + address(port) + "/"})
	if err != nil {
		return LoadResult{}, err
	}
	r, err := parseWrk(out)
	r.used = used
	return r, err
}

// parseWrk finds the line that wrkScript prints.
func parseWrk(out []byte) (r LoadResult, err error) {
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(line, "compare "); ok {
			err = json.Unmarshal([]byte(text), &r)
			return r, err
		}
	}
	return r, fmt.Errorf("wrk printed no result but %q", out)
}
