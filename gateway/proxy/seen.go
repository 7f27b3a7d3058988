package proxy

import (
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
)

// Preflights that are allowed are listed up to a burst at once, and one in each interval beyond that: all of them where few come, and
// where many come a sample that costs nothing.
const (
	askedEvery = time.Millisecond
	askedBurst = 256 * askedEvery
)

// asked are the most frequent of the preflights that were allowed, as far as they are sampled.
type asked struct {
	frequent.List[fetch.Question]
	next atomic.Int64 // when there is room for one more, in ns since 1970
}

// due reports whether a preflight is to be listed.
func (a *asked) due(now time.Time) bool {
	t, next := now.UnixNano(), a.next.Load()
	return next < t && a.next.CompareAndSwap(next, max(next, t-int64(askedBurst))+int64(askedEvery))
}

// noteAsked lists a preflight that is allowed, if that is due: key is all of its question but the origin.
func (x *exchange) noteAsked(key []byte) {
	a := &x.p.asked
	if !a.due(x.now) {
		return
	}
	var buf [maxKey + 256]byte
	whole := appendPrintable(append(buf[:0], key...), x.req.Origin)
	a.Lock()
	defer a.Unlock()
	if e, isNew := a.Count(whole, x.now); isNew {
		r := &x.s.Config.Routes[x.route.ID]
		*e = fetch.Question{
			Origin: string(whole[len(key):]), Method: string(x.req.ACRM), Headers: x.requested(),
			URL: fetch.ExampleURL(r.Hosts, r.Path), Mode: fetch.ModeCORS,
		}
	}
}

// Seen returns questions that pages have asked lately, at most n: the most frequent of those that were refused, and as far as
// there is room those of preflights that were allowed. Allowed requests without a preflight leave no trace that could be listed.
func (p *Proxy) Seen(n int) []fetch.Question {
	list := []fetch.Question{}
	for _, r := range p.Refusals() {
		// Half the room: what is allowed, a change could hurt more.
		if r.Route != "" && r.Origin != "" && len(list) < n/2 {
			list = append(list, r.Example)
		}
	}
	allowed := p.asked.All(func(*fetch.Question, frequent.Frequency) {})
	return append(list, allowed[:min(len(allowed), n-len(list))]...)
}
