//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/corsgate/corsgate/cache"
	"github.com/corsgate/corsgate/gateway/cors"
)

// This file measures inside this process what the preflight cache saves: a look-up that copies what it finds,
// against the policy's own computation. Over the network both drown in the kernel's share.

// entries is the default of cache.preflights.
const entries = 32768

// inside returns two results: by how many different preflights there are, and by how many header names they list.
func inside(s Scale) []Result {
	keys := Result{Scenario: Scenario{Name: "cache-keys", Title: "Preflights cached and computed, in process", Axis: "different preflights",
		Plots: []Metric{CPU}, Note: fmt.Sprintf("The decision alone, without HTTP and without a socket: two header names, 10 000 origins at any port, an LRU of %d entries. Preflights come in turn, so where there are more than entries, every look-up misses and is followed by a computation and an insertion.", entries)}}
	policy := insidePolicy(false)
	for _, n := range s.Keys {
		list := make([]cors.Preflight, n)
		for i := range list {
			list[i] = question(fmt.Sprintf("%s:%d", origin(i%10_000), 8000+i/10_000), "authorization,content-type")
		}
		keys.add(n, policy, list)
	}
	names := Result{Scenario: Scenario{Name: "cache-names", Title: "Preflights cached and computed, in process, the longer the list", Axis: "header names",
		Plots: []Metric{CPU}, Note: "As before, with 1 000 different preflights, under a policy that lists 64 names. The gateway remembers no preflight whose key is longer than 512 bytes; here, as there, it is computed."}}
	policy = insidePolicy(true)
	for _, n := range []int{1, 4, 16, 64} {
		list := make([]cors.Preflight, 1000)
		for i := range list {
			list[i] = question(origin(i), strings.Join(fieldNames()[:n], ","))
		}
		names.add(n, policy, list)
	}
	return []Result{keys, names}
}

func (r *Result) add(x int, policy *cors.Policy, list []cors.Preflight) {
	for _, way := range []struct {
		name string
		f    func(dst []byte, q *cors.Preflight) []byte
	}{
		{"cached", remember(policy)},
		{"computed", func(dst []byte, q *cors.Preflight) []byte { dst, _ = policy.AppendPreflight(dst, q); return dst }},
	} {
		row := Row{Gateway: way.name, X: x}
		for range 5 {
			each := perCall(list, way.f)
			row.Runs = append(row.Runs, Run{CPU: each.Seconds() * 1e6, Rate: 1 / each.Seconds()})
		}
		r.Rows = append(r.Rows, row)
	}
}

// beforeOrigin is what an answer begins with.
const beforeOrigin = "Access-Control-Allow-Origin: "

// remember returns what the gateway does with a preflight when its cache is on: it keeps the answer without the origin.
func remember(policy *cors.Policy) func(dst []byte, q *cors.Preflight) []byte {
	lru := cache.New(entries)
	return func(dst []byte, q *cors.Preflight) []byte {
		var buf [512]byte
		key, ok := appendKey(buf[:0], q)
		if !ok {
			dst, _ = policy.AppendPreflight(dst, q)
			return dst
		}
		if after, ok := lru.Get(key); ok {
			return append(append(append(dst, beforeOrigin...), q.Origin...), after...)
		}
		start := len(dst)
		dst, _ = policy.AppendPreflight(dst, q)
		lru.Add(key, dst[start+len(beforeOrigin)+len(q.Origin):])
		return dst
	}
}

// appendKey makes a key as the gateway does: every value behind its length, at most 512 bytes in all.
func appendKey(dst []byte, q *cors.Preflight) ([]byte, bool) {
	dst = append(dst, 0, 0, 0, 0, 0) // route and private network
	for _, v := range [][]byte{q.Method, q.Headers[0], q.Origin} {
		if len(dst)+2+len(v) > cap(dst) {
			return dst, false
		}
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(v))), v...)
	}
	return dst, true
}

// perCall returns the time of one call of f, once it has seen all of list.
func perCall(list []cors.Preflight, f func(dst []byte, q *cors.Preflight) []byte) time.Duration {
	dst := make([]byte, 0, 8192)
	for i := range list {
		f(dst, &list[i])
	}
	calls, began := 0, time.Now()
	for time.Since(began) < 40*time.Millisecond {
		for range 1000 { // the clock is not what is measured
			f(dst, &list[calls%len(list)])
			calls++
		}
	}
	return time.Since(began) / time.Duration(calls)
}

func question(origin, names string) cors.Preflight {
	return cors.Preflight{Origin: []byte(origin), OriginLines: 1, Method: []byte("PUT"), MethodLines: 1, Headers: [][]byte{[]byte(names)}}
}

// insidePolicy returns the policy of 10 000 origins, with 2 header names or, if many, with 64.
func insidePolicy(many bool) *cors.Policy {
	day := 24 * time.Hour
	origins := make([]string, 10_000)
	for i := range origins {
		origins[i] = origin(i) + ":*"
	}
	cfg := cors.Config{Origins: origins, Methods: []string{"PUT", "DELETE"},
		RequestHeaders: []string{"authorization", "content-type"}, MaxAge: &day}
	if many {
		cfg.RequestHeaders = fieldNames()
	}
	policy, problems := cors.New(cfg)
	if policy == nil {
		panic(fmt.Sprint("BUG: ", problems))
	}
	return policy
}

// fieldNames returns 64 header names.
func fieldNames() []string {
	names := make([]string, 64)
	for i := range names {
		names[i] = fmt.Sprintf("x-app-name-%02d", i)
	}
	return names
}
