package report

import (
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/frequent"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file lists the origins that policies refuse. The rules are:
//
//   - a request is listed once, for what refused it first;
//   - a request of the target's own origin is no CORS request: that no policy allows it is no refusal;
//   - a request that is allowed costs nothing here.

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

// A Kind is what was refused.
type Kind uint8

// The kinds.
const (
	Preflight Kind = iota
	Response       // a page may not read it
	Blocked        // a request, which was not forwarded
	WebSocket
	CSRF       // a request, as forged
	CSRFReport // a request as forged, which was forwarded all the same
)

// kindNames are part of the JSON of Refusal: they never change.
var kindNames = [...]string{"preflight", "response", "request", "websocket", "csrf", "csrf-report"}

// Refuse lists a request that the policy of its route refuses. Precondition: it has a route with a policy.
func (l *Lists) Refuse(q *Request, what Kind, reason cors.Reason) {
	r := q.Route
	var buf [512]byte
	key := append(append(buf[:0], r.Name...), 0)
	start := len(key)
	if reason != cors.NoOrigin {
		key = appendPrintable(key, q.Head.Origin)
	}
	end := len(key)
	key = append(key, 0, byte(what), byte(reason))
	t := &l.refusals
	t.Lock()
	defer t.Unlock()
	if e, isNew := t.Count(key, q.Now); isNew {
		origin := string(key[start:end])
		*e = Refusal{
			Route: r.Name, Policy: q.table().CORS, Origin: origin,
			Refused: kindNames[what], Reason: reason.String(), Example: q.example(what, origin),
		}
	}
}

// RefuseUntaken lists a request of a page that no route takes, or whose head is refused, with the code of why. limit is the
// limit that it was beyond, with its value; "": none.
func (l *Lists) RefuseUntaken(q *Request, what Kind, code, limit string) {
	var buf [512]byte
	key := appendPrintable(append(buf[:0], 0), q.Head.Origin)
	end := len(key)
	key = append(append(key, 0, byte(what), 0), code...)
	t := &l.refusals
	t.Lock()
	defer t.Unlock()
	if e, isNew := t.Count(key, q.Now); isNew {
		origin := string(key[1:end])
		*e = Refusal{Origin: origin, Refused: kindNames[what], Reason: code, Limit: limit, Example: q.example(what, origin)}
	}
}

// Refusals returns the origins that policies have refused, the most frequent first, at most 256. The list is never nil.
// A reload forgets those of a route whose policy it changes, whatever their files of origins hold, and those without a route.
func (l *Lists) Refusals() []Refusal {
	return l.refusals.All(func(r *Refusal, f frequent.Frequency) { r.Frequency = f })
}

// Bounds of an example, in bytes.
const (
	maxExamplePath    = 256
	maxExampleHeaders = 512
)

// example returns the request as a question.
func (q *Request) example(what Kind, origin string) fetch.Question {
	e := fetch.Question{Origin: origin, Method: string(q.Head.Method), Headers: []string{}, Mode: fetch.ModeCORS}
	switch what {
	case Preflight:
		e.Method = string(q.Head.ACRM)
		e.Headers = q.requested()
	case WebSocket:
		e.Mode = fetch.ModeWebSocket
	case CSRF, CSRFReport:
		if e.Method == "POST" {
			e.Mode = fetch.ModeNavigate // or fetch(), to the same effect
		}
	}
	if !wire.IsToken([]byte(e.Method)) || len(e.Method) > maxQuoted {
		e.Method = ""
	}
	// Usually a proxy in front of the gateway terminates TLS and does not say so; an https page
	// does not request http URLs.
	scheme := "http"
	if e.Mode == fetch.ModeWebSocket {
		scheme = "ws"
	}
	if q.HTTPS || strings.HasPrefix(e.Origin, "https://") {
		scheme += "s"
	}
	path := string(q.Head.PrintablePath())
	if len(path) > maxExamplePath {
		if path = ""; q.Route != nil {
			path = q.table().Path
		}
	}
	e.URL = scheme + "://" + string(q.Head.Host) + path
	return e
}

// requested returns the names that a preflight asks for, each once and in lower case, as far as there is room.
func (q *Request) requested() []string {
	names, room := []string{}, maxExampleHeaders
	for _, line := range q.Head.Values(nil, wire.AccessControlRequestHeaders) {
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
