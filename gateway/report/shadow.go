package report

import (
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/policy"
)

// A ShadowDiff is what a shadow would change for the requests of an origin on a route.
type ShadowDiff struct {
	Route  string `json:"route"`
	Policy string `json:"policy"`
	Shadow string `json:"shadow"`
	// Origin is a serialized origin or "null"; what is neither is quoted as in Go, and cut.
	Origin string `json:"origin"`
	// Change is "allowed-to-denied", "denied-to-allowed" or "fields".
	Change string `json:"change"`
	// Reason is the code of the verdict that denies, of the latest request; "" where the fields differ.
	Reason string `json:"reason"`
	frequent.Frequency
}

// Change lists what the shadow of its route's policy would change for a request. Precondition: there is one, and a change.
func (l *Lists) Change(q *Request, d policy.Difference) {
	r := q.Route
	var buf [512]byte
	key := append(append(buf[:0], r.Name...), 0)
	start := len(key)
	key = appendPrintable(key, q.Head.Origin)
	end := len(key)
	key = append(key, 0, byte(d.Change))
	t := &l.shadows
	t.Lock()
	defer t.Unlock()
	e, isNew := t.Count(key, q.Now)
	if isNew {
		*e = ShadowDiff{
			Route: r.Name, Policy: r.Shadow.Of.Name, Shadow: r.Shadow.By.Name,
			Origin: string(key[start:end]), Change: d.Change.String(),
		}
	}
	if e.Reason = ""; d.Change != policy.OtherFields {
		e.Reason = d.Reason.String()
	}
}

// ShadowDiffs returns what the shadows of policies would change, the most frequent first, at most 256. The list is
// never nil. A reload keeps the counts of the routes whose policies it does not change, whatever their files of origins
// hold.
func (l *Lists) ShadowDiffs() []ShadowDiff {
	return l.shadows.All(func(d *ShadowDiff, f frequent.Frequency) { d.Frequency = f })
}
