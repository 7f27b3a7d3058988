//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// This file writes the report as Markdown, and puts it between the marks of files.

// A Table is what both the Markdown and the page show.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string // each as long as Head
}

// tables returns the tables of a result.
func (r Result) tables() []Table {
	if !r.Tables {
		return []Table{r.overview()}
	}
	var list []Table
	for _, x := range r.xs() {
		t := Table{Caption: r.Axis + ": " + short(x),
			Head: []string{"", "CPU µs/request", "× nginx", "requests/s", "p50 ms", "p99 ms", "p99.9 ms", "RSS MiB", "faults"}}
		if r.openLoop() {
			t.Head = append(t.Head, "generator late, p99 ms")
		}
		if r.overload() {
			t.Head = append(t.Head, "served/s", "of that p99 ms")
		}
		for _, name := range r.gateways() {
			row := r.row(name, x)
			if row == nil {
				continue
			}
			line := []string{name, figure(row.median(CPU)), times(row.ratio(CPU, r.row("nginx", x)))}
			for _, m := range []Metric{Rate, P50, P99, P999, Memory} {
				line = append(line, known(row.median(m)))
			}
			line = append(line, faults(*row))
			if r.openLoop() {
				line = append(line, figure(row.median(lag)))
			}
			if r.overload() {
				line = append(line, figure(row.median(Good)), figure(row.median(Good99)))
			}
			t.Rows = append(t.Rows, line)
		}
		list = append(list, t)
	}
	return list
}

// overview is one row of CPU time for each gateway, and what there is of memory.
func (r Result) overview() Table {
	xs := r.xs()
	t := Table{Caption: "CPU µs per request (RSS in MiB), by " + r.Axis, Head: []string{""}}
	for _, x := range xs {
		t.Head = append(t.Head, short(x))
	}
	for _, name := range r.gateways() {
		line := []string{name}
		for _, x := range xs {
			cell := "–"
			if row := r.row(name, x); row != nil {
				cell = figure(row.median(CPU))
				if m := row.median(Memory); m > 0 {
					cell += fmt.Sprintf(" (%.0f)", m)
				}
				if f := faults(*row); f != "0" {
					cell += " " + f
				}
			}
			line = append(line, cell)
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// known writes a figure, or a dash where there is none: h2load gives no percentiles.
func known(v float64) string {
	if v == 0 {
		return "–"
	}
	return figure(v)
}

func times(ratio float64) string {
	if ratio == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", ratio)
}

func faults(r Row) string {
	bad, broken, late := r.faults()
	var parts []string
	for _, f := range []struct {
		n    int
		what string
	}{{bad, "errors"}, {broken, "broken"}, {late, "unanswered"}} {
		if f.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// markdown returns the report.
func (r Report) markdown() string { return r.summary() + r.sections() }

// summary returns what is most worth knowing.
func (r Report) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Made by `%s` at %s on %s, in %s.\n\n", r.Command, r.Commit, r.Began.Format("2006-01-02"), r.Took.Round(1e9))
	for _, f := range r.facts() {
		fmt.Fprintf(&b, "- %s: %s\n", f[0], f[1])
	}
	b.WriteString("\nIn short:\n\n")
	for _, s := range r.findings() {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	return b.String()
}

// sections returns the tables.
func (r Report) sections() string {
	var b strings.Builder
	for _, result := range r.Results {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", result.Title, result.Note)
		for _, t := range result.tables() {
			b.WriteString("\n" + t.markdown())
		}
		for _, a := range result.absences() {
			fmt.Fprintf(&b, "\nNot measured: %s\n", a)
		}
	}
	return b.String()
}

func (t Table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n\n| %s |\n|%s\n", t.Caption, strings.Join(t.Head, " | "), " --- |"+strings.Repeat(" ---: |", len(t.Head)-1))
	for _, row := range t.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// absences returns who is missing where and why, one line for each reason.
func (r Result) absences() (lines []string) {
	at := map[string][]string{}
	var order []string
	for _, a := range r.Absent {
		key := a.Gateway + "\x00" + a.Why
		if at[key] == nil {
			order = append(order, key)
		}
		at[key] = append(at[key], short(a.X))
	}
	for _, key := range order {
		name, why, _ := strings.Cut(key, "\x00")
		lines = append(lines, fmt.Sprintf("%s at %s %s: %s", name, strings.Join(at[key], ", "), r.Axis, why))
	}
	return lines
}

// insert puts text between the two marks of a file, in place of what was there. The marks are comments:
// <!-- NAME begin --> and <!-- NAME end -->.
func insert(path, name, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" begin -->\n", "<!-- "+name+" end -->"
	i, j := bytes.Index(old, []byte(begin)), bytes.Index(old, []byte(end))
	if i < 0 || j < i {
		return fmt.Errorf("%s has no section between %q and %q: add both lines where the results belong", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, bytes.Join([][]byte{old[:i+len(begin)], []byte("\n" + text + "\n"), old[j:]}, nil), 0o644)
}
