package report

import (
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
)

// Preflights that are allowed are listed up to a burst at once, and one in each interval beyond that: all of them where few
// come, and where many come a sample that costs nothing.
const (
	allowedEvery = time.Millisecond
	allowedBurst = 256
)

// allowed are the most frequent of the preflights that were allowed, as far as they are sampled.
type allowed struct {
	frequent.List[fetch.Question]
	next atomic.Int64 // when there is room for one more, in ns since 1970
}

// due reports whether a preflight is to be listed.
func (a *allowed) due(now time.Time) bool {
	t, next := now.UnixNano(), a.next.Load()
	return next < t && a.next.CompareAndSwap(next, max(next, t-int64(allowedBurst*allowedEvery))+int64(allowedEvery))
}

// maxAllowedKey is the size, in bytes, up to which the key of an allowed preflight, with its origin, needs no allocation.
const maxAllowedKey = 768

// AllowDue reports whether a preflight that is allowed now is to be listed by Allow.
func (l *Lists) AllowDue(now time.Time) bool { return l.allowed.due(now) }

// Allow lists a preflight that is allowed. key is all of its question but the origin. Precondition: AllowDue has reported true.
func (l *Lists) Allow(q *Request, key []byte) {
	a := &l.allowed
	var buf [maxAllowedKey]byte
	whole := appendPrintable(append(buf[:0], key...), q.Head.Origin)
	a.Lock()
	defer a.Unlock()
	if e, isNew := a.Count(whole, q.Now); isNew {
		r := q.table()
		*e = fetch.Question{
			Origin: string(whole[len(key):]), Method: string(q.Head.ACRM), Headers: q.requested(),
			URL: fetch.ExampleURL(r.Hosts, r.Path), Mode: fetch.ModeCORS,
		}
	}
}
