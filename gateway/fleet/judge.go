package fleet

import (
	"fmt"
	"math"
)

// Thresholds are how far the shares of refusals and of failures of a node may rise under a candidate.
//
// A regression is a share that exceeds the usual one by more than the bound, and by more than
// chance explains: three standard deviations of a share of as many requests. Usual is the
// larger of two shares: the same node's in the five minutes before, and all other nodes' in the
// same time. So neither a node that always refuses much stops a roll-out, nor an attack on the
// whole fleet. A share of fewer requests than Requests is not looked at; if neither usual share
// has them, usual is none.
type Thresholds struct {
	Refused  float64 // of requests that the CORS policy refused, in shares of all; 0 is 0.05, five in a hundred
	Failed   float64 // of responses of 5xx; 0 is 0.02
	Requests uint64  // the least number of requests; 0 is 100
}

// regression describes the regression, or returns "".
func (b Thresholds) regression(before, since, others Counts) string {
	least := b.Requests
	if least == 0 {
		least = 100
	}
	if since.Requests < least {
		return ""
	}
	what := func(name string, of func(Counts) uint64, bound, otherwise float64) string {
		if bound == 0 {
			bound = otherwise
		}
		usual := 0.0
		for _, c := range []Counts{before, others} {
			if c.Requests >= least {
				usual = max(usual, float64(of(c))/float64(c.Requests))
			}
		}
		share := float64(of(since)) / float64(since.Requests)
		chance := 3 * math.Sqrt(usual*(1-min(usual, 1))/float64(since.Requests))
		if share-usual <= max(bound, chance) {
			return ""
		}
		return fmt.Sprintf("%.1f %% of %d requests are %s, where %.1f %% are usual", 100*share, since.Requests, name, 100*usual)
	}
	if reason := what("refused by their policy", func(c Counts) uint64 { return c.Refused }, b.Refused, 0.05); reason != "" {
		return reason
	}
	return what("answered with 5xx", func(c Counts) uint64 { return c.Failed }, b.Failed, 0.02)
}
