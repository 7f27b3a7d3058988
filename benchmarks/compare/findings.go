//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// This file summarizes the figures in words, losses first, because thirty tables are too many to read.

// margin is how far figures must be apart to be called different: about the noise of a good machine.
const margin = 0.05

// disturbed is the share of the machine's CPU time from which on others that use it spoil figures.
const disturbed = 0.05

// disturbance returns the greatest share that others had while one X was measured.
func (r Result) disturbance(x int) (share float64) {
	for _, row := range r.Rows {
		for _, run := range row.Runs {
			if row.X == x {
				share = max(share, run.Other)
			}
		}
	}
	return share
}

// disturbance returns how many X of all results were disturbed, of how many, and the worst share.
func (r Report) disturbance() (spoiled, all int, worst float64) {
	for _, result := range r.Results {
		for _, x := range result.xs() {
			d := result.disturbance(x)
			if all++; d > disturbed {
				spoiled++
			}
			worst = max(worst, d)
		}
	}
	return spoiled, all, worst
}

// facts returns what a reader has to know of the run, as name and text.
func (r Report) facts() [][2]string {
	m := r.Machine
	list := [][2]string{
		{"Machine", fmt.Sprintf("%s, %d CPUs, %s, Linux %s, load average %s at the start", m.CPU, m.CPUs, m.Memory, m.Kernel, m.Load)},
		{"Arrangement", m.Pinning},
		{"Upstream", m.Upstream + ", 54 bytes of JSON where nothing else is said"},
		{"Load", m.Wrk + " for closed loops; compare's own generator for fixed rates"},
		{"Go", m.Go},
	}
	if r.Quick {
		list = append(list, [2]string{"Quick", "one short round for most figures: enough to see an order of magnitude, not to publish"})
	}
	for _, v := range r.Gateways {
		list = append(list, [2]string{v.Name, v.Version})
	}
	return list
}

// findings returns where corsgate is behind and ahead by CPU time, p99 and memory, and what the cache saves.
func (r Report) findings() (list []string) {
	if spoiled, all, worst := r.disturbance(); spoiled > 0 {
		list = append(list, fmt.Sprintf("Not a quiet machine: at %d of %d places other processes had more than %.0f %% of its CPU time, at worst %.0f %%. Do not publish these figures.",
			spoiled, all, 100*disturbed, 100*worst))
	}
	for _, m := range []Metric{CPU, P99, Memory} {
		var behind []string
		var ahead []float64
		equal := 0
		for _, result := range r.Results {
			if m == P99 && !result.openLoop() || m == CPU && result.overload() {
				continue // in a saturated closed loop latency is what the load makes it; and a refusal is cheap
			}
			for _, x := range result.xs() {
				ratio, best := result.compare(m, x)
				switch {
				case ratio > 1+margin:
					behind = append(behind, fmt.Sprintf("%s %s (%.2f × %s)", result.Name, short(x), ratio, best))
				case ratio > 1-margin:
					equal++
				case ratio > 0:
					ahead = append(ahead, ratio)
				}
			}
		}
		if len(behind)+len(ahead)+equal > 0 {
			list = append(list, summary(m, behind, ahead, equal))
		}
	}
	return append(list, r.saved()...)
}

func summary(m Metric, behind []string, ahead []float64, equal int) string {
	s := fmt.Sprintf("%s, corsgate beside the best of the others at each place: ", m.title())
	if len(behind) > 0 {
		s += fmt.Sprintf("behind at %d: %s; ", len(behind), strings.Join(behind, ", "))
	} else {
		s += "behind nowhere; "
	}
	s += fmt.Sprintf("equal within %.0f %% at %d; ", 100*margin, equal)
	if len(ahead) == 0 {
		return s + "ahead nowhere."
	}
	return s + fmt.Sprintf("ahead at %d (%.2f to %.2f × the best).", len(ahead), slices.Min(ahead), slices.Max(ahead))
}

// compare returns m of corsgate as a ratio to the best of the other products at one X, and that product's name. The
// ratio is 0 where there is nothing to compare.
func (r Result) compare(m Metric, x int) (ratio float64, best string) {
	own := r.row("corsgate", x)
	var least *Row
	for _, name := range r.gateways() {
		row := r.row(name, x)
		if row == nil || strings.HasPrefix(name, "corsgate") {
			continue
		}
		if least == nil || row.median(m) < least.median(m) {
			least = row
		}
	}
	if own == nil || least == nil {
		return 0, ""
	}
	return own.ratio(m, least), least.Gateway
}

// saved says what a hit of the preflight cache saves, and from how many preflights on it no longer does.
func (r Report) saved() (list []string) {
	for _, result := range r.Results {
		if !strings.HasPrefix(result.Name, "cache") {
			continue
		}
		var parts []string
		for _, x := range result.xs() {
			cached, computed := result.row("cached", x), result.row("computed", x)
			if cached == nil || computed == nil {
				continue
			}
			a, b := 1000*cached.median(CPU), 1000*computed.median(CPU)
			verb := "saves"
			if b < a {
				verb = "costs"
			}
			parts = append(parts, fmt.Sprintf("%s %.0f ns at %s (%.0f cached, %.0f computed)", verb, max(a-b, b-a), short(x), a, b))
		}
		if len(parts) > 0 {
			list = append(list, fmt.Sprintf("%s: by the number of %s the cache %s.", result.Title, result.Axis, strings.Join(parts, "; ")))
		}
	}
	return list
}

// legend returns the names that have a colour, of those that were measured.
func (r Report) legend() (names []string) {
	for _, s := range series {
		if slices.ContainsFunc(r.Results, func(result Result) bool { return slices.Contains(result.gateways(), s) }) {
			names = append(names, s)
		}
	}
	return names
}
