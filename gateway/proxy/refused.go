package proxy

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/corsgate/corsgate/matcher"
)

// This file lists the origins that policies refuse. The rules are:
//
//   - a request is listed once, for what refused it first;
//   - a request of the target's own origin is no CORS request: that no policy allows it is no refusal;
//   - nothing of it is on the way of a request that is allowed.

// A Refusal is what a policy, the routes or a limit have refused to the requests of an origin.
type Refusal struct {
	// Route and Policy are "" where no route takes the request, or where the head of it was refused.
	Route  string `json:"route"`
	Policy string `json:"policy"`
	// Origin is a serialized origin or "null", or "" if the requests had none and were identified
	// by Sec-Fetch-Site; any other value is quoted as in Go, and cut. It is safe to print.
	Origin string `json:"origin"`
	// Refused is what was: "preflight"; "response", which the page may not read, whatever the request has done;
	// "request", by denied = "block"; "websocket"; "csrf"; or "csrf-report", which was counted and let through.
	Refused string `json:"refused"`
	// Reason is the code of the policy's verdict, or that which the access log has as its error: "no-host", "no-path" or
	// "no-method" where no route takes the request, or why its head was refused.
	Reason string `json:"reason"`
	// Limit is the limit that the request was beyond, with its value; "": none.
	Limit string `json:"limit,omitempty"`
	// Example is the first such request, as Explain wants it: without its query, of the headers only those that a
	// preflight asks for, and without the path if that is long. Explain refuses it where a browser cannot have sent it.
	Example fetch.Question `json:"example"`
	frequent.Frequency
}

// A refusalKind is what a policy refuses.
type refusalKind uint8

const (
	refusedPreflight refusalKind = iota
	refusedResponse
	refusedBlock
	refusedWebSocket
	refusedCSRF
	reportedCSRF
)

// refusalNames are part of the JSON of Refusal: they never change.
var refusalNames = [...]string{"preflight", "response", "request", "websocket", "csrf", "csrf-report"}

// noteUnshared lists the request if its response is not shared with its origin. On the loop no more than its method, path,
// Host and Origin are left of it then.
func (x *exchange) noteUnshared() {
	if x.reason > cors.NoOrigin && x.route != nil && !x.noted && !x.sameOrigin() {
		x.noteRefusal(refusedResponse)
	}
}

// noteUntaken lists a request of a page that no route takes, or whose head is refused, by x.failure.
func (x *exchange) noteUntaken() {
	if x.failure == "" || x.noted || !x.fromPage() || x.sameOrigin() {
		return
	}
	what := refusedBlock
	if x.isPreflight {
		what = refusedPreflight
	}
	x.noted = true
	var buf [512]byte
	key := appendPrintable(append(buf[:0], 0), x.req.Origin)
	end := len(key)
	key = append(append(key, 0, byte(what), 0), x.failure...)
	t := &x.p.refusals
	t.Lock()
	defer t.Unlock()
	if e, isNew := t.Count(key, x.now); isNew {
		origin := string(key[1:end])
		*e = Refusal{Origin: origin, Refused: refusalNames[what], Reason: x.failure, Limit: x.limit, Example: x.example(what, origin)}
	}
}

// noteRefusal lists the request. Precondition: its route has a policy, which refuses it with x.reason.
func (x *exchange) noteRefusal(what refusalKind) {
	x.noted = true
	r := x.route
	var buf [512]byte
	key := append(append(buf[:0], r.Name...), 0)
	start := len(key)
	if x.reason != cors.NoOrigin {
		key = appendPrintable(key, x.req.Origin)
	}
	end := len(key)
	key = append(key, 0, byte(what), byte(x.reason))
	t := &x.p.refusals
	t.Lock()
	defer t.Unlock()
	if e, isNew := t.Count(key, x.now); isNew {
		origin := string(key[start:end])
		*e = Refusal{
			Route: r.Name, Policy: x.s.Config.Routes[r.ID].CORS, Origin: origin,
			Refused: refusalNames[what], Reason: x.reason.String(), Example: x.example(what, origin),
		}
	}
}

// Bounds of an example, in bytes.
const (
	maxExamplePath    = 256
	maxExampleHeaders = 512
)

// example returns the request as a question.
func (x *exchange) example(what refusalKind, origin string) fetch.Question {
	q := fetch.Question{Origin: origin, Method: string(x.req.Method), Headers: []string{}, Mode: fetch.ModeCORS}
	switch what {
	case refusedPreflight:
		q.Method = string(x.req.ACRM)
		q.Headers = x.requested()
	case refusedWebSocket:
		q.Mode = fetch.ModeWebSocket
	case refusedCSRF, reportedCSRF:
		if q.Method == "POST" {
			q.Mode = fetch.ModeNavigate // or fetch(), to the same effect
		}
	}
	if !wire.IsToken([]byte(q.Method)) || len(q.Method) > maxQuoted {
		q.Method = ""
	}
	// Usually a proxy in front of the gateway terminates TLS and does not say so; an https page
	// does not request http URLs.
	scheme := "http"
	if q.Mode == fetch.ModeWebSocket {
		scheme = "ws"
	}
	if x.https || strings.HasPrefix(q.Origin, "https://") {
		scheme += "s"
	}
	path := string(x.shownPath())
	if len(path) > maxExamplePath {
		if path = ""; x.route != nil {
			path = x.s.Config.Routes[x.route.ID].Path
		}
	}
	q.URL = scheme + "://" + string(x.req.Host) + path
	return q
}

// requested returns the names that a preflight asks for, each once and in lower case, as far as there is room.
func (x *exchange) requested() []string {
	names, room := []string{}, maxExampleHeaders
	for _, line := range x.lists(nil) {
		for name := range strings.SplitSeq(string(line), ",") {
			name = strings.ToLower(strings.Trim(name, " \t"))
			if room -= len(name); room < 0 {
				return names
			}
			if wire.IsToken([]byte(name)) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Refusals returns the origins that policies have refused, the most frequent first, at most 256. The list is never nil.
// A reload forgets those of a route whose policy it changes, whatever their files of origins hold, and those without a route.
func (p *Proxy) Refusals() []Refusal {
	return p.refusals.All(func(r *Refusal, f frequent.Frequency) { r.Frequency = f })
}

// forget drops from the lists of what is most frequent what is about policies, or pairs of them, that s has changed.
func (p *Proxy) forget(prev, s *snapshot.Snapshot) {
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
	p.refusals.Keep(func(r *Refusal) bool { return policies[r.Route] })
	p.asked.Keep(func(*fetch.Question) bool { return false }) // the numbers of routes have changed
	p.shadows.Keep(func(d *ShadowDiff) bool { return shadows[d.Route] })
}

// maxQuoted bounds what is kept of a value of Origin that is none, in bytes.
const maxQuoted = 100

// appendPrintable appends a value of Origin so that it is safe to print anywhere: a serialized origin and "null" as
// they are, what is neither quoted as in Go, and cut.
func appendPrintable(dst, origin []byte) []byte {
	if string(origin) == "null" || matcher.ValidOrigin(origin) {
		return append(dst, origin...)
	}
	return strconv.AppendQuoteToASCII(dst, string(origin[:min(len(origin), maxQuoted)]))
}
