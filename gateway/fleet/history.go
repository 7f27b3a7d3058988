package fleet

import "time"

// window is how far back the counts before a change go.
const window = 5 * time.Minute

// A history has a node's counts of the last minutes.
type history struct {
	samples []sample // oldest first
	before  Counts   // in the window before the last change
	mark    Counts   // the totals at the last change
}

type sample struct {
	at     time.Time
	totals Counts
}

// add notes the totals at a time, not more often than serves.
func (h *history) add(at time.Time, totals Counts) {
	if n := len(h.samples); n > 0 && at.Sub(h.samples[n-1].at) < window/30 {
		return
	}
	h.samples = append(h.samples, sample{at, totals})
	for len(h.samples) > 2 && at.Sub(h.samples[1].at) >= window {
		h.samples = h.samples[1:]
	}
}

// change notes that another revision counts from now on.
func (h *history) change(at time.Time, totals Counts) {
	h.before = totals
	if len(h.samples) > 0 {
		h.before = totals.minus(h.samples[0].totals)
	}
	h.mark = totals
	h.samples = append(h.samples[:0], sample{at, totals})
}
