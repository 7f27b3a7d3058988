//go:build linux

package main

import (
	"slices"
	"time"
)

// This file holds what a run found, as it stands in the raw JSON, and the figures drawn from it.

// A Run is one measurement of one gateway. Latencies and CPU time per request are in microseconds, memory in bytes.
type Run struct {
	CPU    float64 `json:"cpu"`
	Rate   float64 `json:"rate"` // answers per second
	Memory int64   `json:"memory"`
	Other  float64 `json:"other"` // share of the machine's CPU time that went to processes that are no part of this
	LoadResult
}

// A Row is a gateway at one X of a scenario. Its runs are those of the rounds, in order.
type Row struct {
	Gateway string `json:"gateway"`
	X       int    `json:"x"`
	Runs    []Run  `json:"runs"`
}

// An Absence says why there is no Row.
type Absence struct {
	Gateway string `json:"gateway"`
	X       int    `json:"x"`
	Why     string `json:"why"`
}

// A Result is what became of one scenario.
type Result struct {
	Scenario
	Rows   []Row     `json:"rows"`
	Absent []Absence `json:"absent,omitempty"`
}

// A Report is a whole run.
type Report struct {
	Began     time.Time     `json:"began"`
	Took      time.Duration `json:"took"`
	Quick     bool          `json:"quick"`
	Command   string        `json:"command"`
	Commit    string        `json:"commit"` // of the checkout, or whose binary it was
	Machine   Machine       `json:"machine"`
	Gateways  []Version     `json:"gateways"` // in the order of the rows
	Results   []Result      `json:"results"`
	Libraries []Library     `json:"libraries,omitempty"` // of go test -bench, if its output was given
}

// A Version is what a product says that it is, and how it was run.
type Version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Command string `json:"command"`
}

// A Metric is one figure of a Run.
type Metric string

// The metrics.
const (
	CPU    Metric = "cpu"
	Rate   Metric = "rate"
	P50    Metric = "p50"
	P99    Metric = "p99"
	P999   Metric = "p999"
	Memory Metric = "memory"
	Good   Metric = "good"   // answers a second that are no errors
	Good99 Metric = "good99" // p99 latency of those
	lag    Metric = "lag"    // of the generator
)

// title returns m with its unit.
func (m Metric) title() string {
	switch m {
	case CPU:
		return "CPU µs per request"
	case Rate:
		return "requests/s"
	case Good:
		return "requests/s served"
	case Memory:
		return "RSS, MiB"
	}
	return map[Metric]string{Good99: "p99 of what was served,", P50: "p50", P99: "p99", P999: "p99.9"}[m] + " latency, ms"
}

// of returns the figure in m's unit.
func (m Metric) of(r Run) float64 {
	switch m {
	case CPU:
		return r.CPU
	case Rate:
		return r.Rate
	case Good:
		return float64(r.Done-r.Bad) / r.Seconds
	case Good99:
		return r.Good99 / 1e3
	case P50:
		return r.P50 / 1e3
	case P99:
		return r.P99 / 1e3
	case P999:
		return r.P999 / 1e3
	case lag:
		return r.Lag99 / 1e3
	case Memory:
		return float64(r.Memory) / (1 << 20)
	}
	panic("BUG: unknown metric " + string(m))
}

// median returns the median of m over the row's runs. Precondition: there is one.
func (r Row) median(m Metric) float64 {
	list := make([]float64, len(r.Runs))
	for i, run := range r.Runs {
		list[i] = m.of(run)
	}
	return median(list)
}

func median(list []float64) float64 {
	slices.Sort(list)
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}

// ratio returns the median over the rounds of m of r to m of base: a drift of the machine hits both in one round.
// It is 0 where there is nothing to compare.
func (r Row) ratio(m Metric, base *Row) float64 {
	var list []float64
	if base != nil {
		for i := range min(len(r.Runs), len(base.Runs)) {
			if b := m.of(base.Runs[i]); b > 0 {
				list = append(list, m.of(r.Runs[i])/b)
			}
		}
	}
	if len(list) == 0 {
		return 0
	}
	return median(list)
}

// faults returns how many answers of all runs were errors, and how many requests had none.
func (r Row) faults() (bad, broken, late int) {
	for _, run := range r.Runs {
		bad, broken, late = bad+run.Bad, broken+run.Broken, late+run.Late
	}
	return bad, broken, late
}

// openLoop reports whether the scenario's requests come at a fixed rate, so that latency means something.
func (r Result) openLoop() bool { return len(r.Plots) > 0 && r.Plots[0] == P99 }

// overload reports whether more is asked than can be done, so that what matters is what of it is served.
func (r Result) overload() bool { return len(r.Plots) > 0 && r.Plots[0] == Good }

// row returns the row of a gateway, or nil.
func (r Result) row(gateway string, x int) *Row {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Gateway == gateway && row.X == x })
	if i < 0 {
		return nil
	}
	return &r.Rows[i]
}

// gateways returns the names that have rows, in the order in which they were first measured.
func (r Result) gateways() (names []string) {
	for _, row := range r.Rows {
		if !slices.Contains(names, row.Gateway) {
			names = append(names, row.Gateway)
		}
	}
	return names
}

// xs returns the X that have rows, ascending.
func (r Result) xs() (list []int) {
	for _, row := range r.Rows {
		list = append(list, row.X)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
