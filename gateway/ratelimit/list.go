package ratelimit

import (
	"strconv"

	"github.com/corsgate/corsgate/gateway/limit"
)

// A List has the limits of a route: a request passes if all of them admit it. What one refuses costs the others nothing, or one
// client could use up what all share: no limit is counted in unless all would admit the request then, and if another request is
// faster, what was counted is given back. So none admits more than its rate, however many requests come at once. Between the two
// steps a third request may be refused that would have been the last to pass.
type List []*Limit

// A Result is what becomes of a request.
type Result struct {
	limit.Decision
	// Limit is the one that refuses, or, of those whose buckets are the client's own, the one with the least left; nil: none.
	Limit *Limit
	rated *rated
}

// Admit counts a request, unless one of the limits refuses it. It allocates nothing.
func (list List) Admit(q *Subject) (r Result) {
	if len(list) > 1 {
		for _, l := range list {
			if l.has(q) {
				continue
			}
			if r = l.admit(q); !r.Allowed {
				return r
			}
			l.giveBack(q) // it has just become possible
		}
	}
	return list.all(q, false)
}

// AdmitPreflight is Admit for a preflight.
func (list List) AdmitPreflight(q *Subject) Result { return list.all(q, true) }

// all counts a request in each limit, or in none if one refuses it. It has no functions as parameters: with them q would escape, and
// cost an allocation a request.
func (list List) all(q *Subject, preflight bool) (tightest Result) {
	tightest.Allowed = true
	for i, l := range list {
		var r Result
		if preflight {
			r = l.admitPreflight(q)
		} else {
			r = l.admit(q)
		}
		if !r.Allowed {
			list[:i].giveBack(q, preflight)
			return r
		}
		if l.Personal() && (tightest.Limit == nil || r.Remaining < tightest.Remaining) {
			tightest = r
		}
	}
	return tightest
}

// giveBack takes a request out of the counts of all.
func (list List) giveBack(q *Subject, preflight bool) {
	for _, l := range list {
		if preflight {
			l.giveBackPreflight(q)
		} else {
			l.giveBack(q)
		}
	}
}

// AppendPolicy appends the line RateLimit-Policy.
func (r *Result) AppendPolicy(dst []byte) []byte { return append(dst, r.rated.policy...) }

// AppendItem appends the line RateLimit: how many requests remain, and in how many seconds there is one more.
func (r *Result) AppendItem(dst []byte, remaining, next int64) []byte {
	dst = append(dst, r.rated.item...)
	dst = strconv.AppendInt(dst, remaining, 10)
	dst = append(dst, ";t="...)
	dst = strconv.AppendInt(dst, next, 10)
	return append(dst, "\r\n"...)
}
