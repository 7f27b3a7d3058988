package gateway

import "github.com/corsgate/corsgate/gateway/frequent"

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

// noteShadow counts a difference of x's request.
func (x *exchange) noteShadow(d difference) {
	r := x.route
	var buf [512]byte
	key := append(append(buf[:0], r.name...), 0)
	start := len(key)
	key = appendPrintable(key, x.req.Origin)
	end := len(key)
	key = append(key, 0, byte(d.change))
	t := &x.g.shadows
	t.Lock()
	defer t.Unlock()
	e, isNew := t.Count(key, x.now)
	if isNew {
		*e = ShadowDiff{
			Route: r.name, Policy: r.shadow.tables[0].Name, Shadow: r.shadow.tables[1].Name,
			Origin: string(key[start:end]), Change: changeNames[d.change],
		}
	}
	if e.Reason = ""; d.change != otherFields {
		e.Reason = d.reason.String()
	}
}

// ShadowDiffs returns what the shadows of policies would change, the most frequent first, at most 256. The list is
// never nil. A reload keeps the counts of the routes whose policies it does not change, whatever their files of origins
// hold.
func (g *Gateway) ShadowDiffs() []ShadowDiff {
	return g.shadows.All(func(d *ShadowDiff, f frequent.Frequency) { d.Frequency = f })
}
