// Package report lists what pages have asked for lately: what was refused to them, what the shadows of policies would change,
// and preflights that were allowed. The operators' pages show it, and a new configuration is tried on it. Each list keeps the
// most frequent in bounded memory, and what is in it already is counted without an allocation. It is internal to the gateway.
package report

import (
	"reflect"
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/corsgate/corsgate/matcher"
)

// Lists are the lists. The zero Lists are empty. They are safe for concurrent use.
type Lists struct {
	refusals frequent.List[Refusal]
	shadows  frequent.List[ShadowDiff]
	allowed  allowed
}

// A Request is one that is listed. Nothing of it is kept.
type Request struct {
	Head   *wire.Request
	Route  *snapshot.Route // nil: none takes it, or the head of it was refused
	Config *config.Config  // that the route is of
	HTTPS  bool            // the client used https, as far as that is known
	Now    time.Time
}

// table returns the table of the request's route. Precondition: it has one.
func (q *Request) table() *config.Route { return &q.Config.Routes[q.Route.ID] }

// Questions returns what pages have asked lately, at most n: the most frequent of the requests that were refused, and as far as
// there is room those preflights that were allowed. Allowed requests without a preflight leave no trace that could be listed.
func (l *Lists) Questions(n int) []fetch.Question {
	list := []fetch.Question{}
	for _, r := range l.Refusals() {
		// Half the room: what is allowed, a change could hurt more.
		if r.Route != "" && r.Origin != "" && len(list) < n/2 {
			list = append(list, r.Example)
		}
	}
	allowed := l.allowed.All(func(*fetch.Question, frequent.Frequency) {})
	return append(list, allowed[:min(len(allowed), n-len(list))]...)
}

// Forget drops what is about policies, or pairs of them, that s has changed; prev is what was served before.
func (l *Lists) Forget(prev, s *snapshot.Snapshot) {
	before := map[string]*snapshot.Route{}
	for _, r := range prev.Routes {
		before[r.Name] = r
	}
	policies, shadows := map[string]bool{}, map[string]bool{}
	for _, r := range s.Routes {
		if old := before[r.Name]; old != nil {
			policies[r.Name] = reflect.DeepEqual(prev.PolicyTable(old), s.PolicyTable(r))
			shadows[r.Name] = old.Shadow != nil && r.Shadow != nil && old.Shadow.Same(r.Shadow)
		}
	}
	l.refusals.Keep(func(r *Refusal) bool { return policies[r.Route] })
	l.allowed.Keep(func(*fetch.Question) bool { return false }) // the numbers of routes have changed
	l.shadows.Keep(func(d *ShadowDiff) bool { return shadows[d.Route] })
}

// maxQuoted bounds what is kept of a value of Origin that is none, in bytes.
const maxQuoted = 100

// appendPrintable appends a value of Origin so that it is safe to print anywhere: a serialized origin and "null" as
// they are, any other value quoted as in Go, and cut.
func appendPrintable(dst, origin []byte) []byte {
	if string(origin) == "null" || matcher.ValidOrigin(origin) {
		return append(dst, origin...)
	}
	return strconv.AppendQuoteToASCII(dst, string(origin[:min(len(origin), maxQuoted)]))
}
