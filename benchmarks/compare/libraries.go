//go:build linux

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file turns what go test -bench prints in benchmarks/libraries into tables. Names there are key=value, the
// last key is library: BenchmarkDecision/origins=100/request=preflight/library=rs-2.

// A Library is one benchmark of one library.
type Library struct {
	Benchmark string  `json:"benchmark"` // such as Decision
	Origins   string  `json:"origins"`
	Request   string  `json:"request"`
	Library   string  `json:"library"`
	Nanos     float64 `json:"nanos"` // per operation
	Allocs    string  `json:"allocs"`
}

const libraryNote = "Go libraries with the same policy and the same requests, each through the types that it is made for: net/http's for rs, chi and gin, fasthttp's for fiber, bytes for corsgate. ns per request, and allocations. A library whose verdict is wrong is marked in benchmarks/README.md."

// parseLibraries reads the output of go test -bench. Of a benchmark that ran several times, the median counts.
func parseLibraries(output string) (list []Library) {
	line := regexp.MustCompile(`^Benchmark(\w+)/origins=(\d+)/request=([\w-]+)/library=([\w-]+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op(?:.*?(\d+) allocs/op)?`)
	times := map[Library][]float64{}
	var order []Library
	for text := range strings.Lines(output) {
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		nanos, err := strconv.ParseFloat(m[5], 64)
		if err != nil {
			continue
		}
		l := Library{Benchmark: m[1], Origins: m[2], Request: m[3], Library: m[4], Allocs: m[6]}
		if times[l] == nil {
			order = append(order, l)
		}
		times[l] = append(times[l], nanos)
	}
	for _, l := range order {
		key := l
		l.Nanos = median(times[key])
		list = append(list, l)
	}
	return list
}

// libraryTables returns a table for each benchmark and number of origins: requests down, libraries across.
func libraryTables(list []Library) (tables []Table) {
	var captions, names []string
	for _, l := range list {
		if c := l.caption(); !slices.Contains(captions, c) {
			captions = append(captions, c)
		}
		if !slices.Contains(names, l.Library) {
			names = append(names, l.Library)
		}
	}
	for _, caption := range captions {
		t := Table{Caption: caption, Head: append([]string{"request"}, names...)}
		for _, l := range list {
			if l.caption() != caption {
				continue
			}
			i := slices.IndexFunc(t.Rows, func(row []string) bool { return row[0] == l.Request })
			if i < 0 {
				row := slices.Repeat([]string{"–"}, 1+len(names))
				row[0] = l.Request
				i, t.Rows = len(t.Rows), append(t.Rows, row)
			}
			cell := figure(l.Nanos)
			if l.Allocs != "" {
				cell += " (" + l.Allocs + ")"
			}
			t.Rows[i][1+slices.Index(names, l.Library)] = cell
		}
		tables = append(tables, t)
	}
	return tables
}

func (l Library) caption() string {
	return fmt.Sprintf("%s, %s origins: ns per request (allocations)", l.Benchmark, l.Origins)
}

// librariesMarkdown returns the tables for a README.
func librariesMarkdown(list []Library) string {
	var parts []string
	for _, t := range libraryTables(list) {
		parts = append(parts, t.markdown())
	}
	return libraryNote + "\n\n" + strings.Join(parts, "\n")
}
