package proxy

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/overload"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file makes an exchange that leaves no trace: the request is parsed and decided by what serves all others (Parse,
// begin, finish), but what it counts goes into metrics of its own, nothing is remembered, and no upstream is asked. The
// response of an upstream is taken to be a plain 200 without fields that matter.

// A Rehearsal is one request and what the gateway makes of it.
type Rehearsal struct {
	Route    *snapshot.Route // nil: none takes the request
	Miss     route.Miss      // why, if none does
	Fault    *wire.Fault     // the request is refused before it is looked at
	Answered bool            // by the gateway, in full
	Status   int             // of an answer of the gateway, or 0
	Reason   cors.Reason     // of the policy, where Owned reports that one was asked

	// Auth is what each table of the route says of who it is, in order; none: it is not asked.
	Auth []auth.Step

	noted bool   // the policy refused it, and this was listed
	head  []byte // of the request to the upstream
	out   []byte // head and content of the response
}

// rehearsalPeer is who asks.
var rehearsalPeer = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// rehearsalID is the id that all such requests have, so that the same question has the same answer.
const rehearsalID = "00000000000000000000000000000000"

// plainResponse is what the upstream says.
const plainResponse = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"

// Rehearse makes the exchange of a request that is given by its head, which ends with an empty line, and leaves no trace. It
// comes by on. If trustPeer is set, what it says of its own client is believed, otherwise not. It counts in m.
func Rehearse(s *snapshot.Snapshot, head []byte, on *edge.Listener, trustPeer bool, m *metrics.Metrics) *Rehearsal {
	p := &Proxy{log: slog.New(slog.DiscardHandler), metrics: m, pseudonym: "cg-explain", overload: overload.New(m)}
	x := newExchange(p, new(wire.Request), nil)
	n, fault := x.req.Parse(head, s.Edge.Limits)
	if fault != nil {
		var salvage wire.Salvage
		salvage.Feed(head)
		salvage.Request(x.req)
	}
	if n == 0 && fault == nil {
		panic("BUG: the head of a rehearsal has no end: " + string(head))
	}
	method := x.req.Method
	if isPreflight(x.req) {
		method = x.req.ACRM
	}
	i, miss := s.Table.Find(x.req.Host, x.req.Path, method, x.req.PlainPath)
	x.p.current.Store(silenced(s, m, i, trustPeer))
	x.start(&arrival{peer: rehearsalPeer, on: on, major: 1, now: time.Now()}, fault != nil)
	x.id = append(x.id, rehearsalID...)
	r := &Rehearsal{Miss: miss, Fault: fault, Answered: true, Auth: []auth.Step{}}
	x.steps = &r.Auth
	switch {
	case fault != nil:
		x.reject(fault)
		r.Status = fault.Status
	default:
		x.find()
		if r.Answered = x.begin(); r.Answered {
			r.Status = x.status
			break
		}
		var res wire.Response
		if _, fault := res.Parse([]byte(plainResponse), s.Edge.Limits); fault != nil {
			panic("BUG: the plain response is refused: " + fault.Reason)
		}
		x.finish(&res)
	}
	r.Route, r.Reason, r.noted, r.head, r.out = x.route, x.reason, x.noted, x.head, x.out
	return r
}

// silenced returns a copy of s in which route i counts into m, and which neither caches preflights
// nor, unless trustPeer is set, trusts any peer. A test holds that nothing that counts is left.
func silenced(s *snapshot.Snapshot, m *metrics.Metrics, i int, trustPeer bool) *snapshot.Snapshot {
	q := *s
	q.Preflights, q.Proxies = nil, nil
	if trustPeer {
		q.Proxies = []netip.Prefix{netip.PrefixFrom(rehearsalPeer, rehearsalPeer.BitLen())}
	}
	if i >= 0 {
		q.Routes = append([]*snapshot.Route(nil), s.Routes...)
		q.Routes[i] = silencedRoute(s, m, s.Routes[i])
	}
	return &q
}

func silencedRoute(s *snapshot.Snapshot, m *metrics.Metrics, r *snapshot.Route) *snapshot.Route {
	q, upstream := *r, ""
	if r.Upstream != nil {
		upstream = r.Upstream.Name
	}
	q.Metrics = m.Route(r.Name, s.Config.Routes[r.ID].CORS, upstream)
	q.Auth = r.Auth.Rehearse(m)
	q.Shadow, q.Limit, q.Mirror, q.Splits = nil, nil, nil, nil
	for _, t := range r.Splits {
		q.Splits = append(q.Splits, silencedRoute(s, m, t))
	}
	return &q
}

// Guarded reports whether a policy is there to decide.
func (r *Rehearsal) Guarded() bool { return r.Fault == nil && r.Route != nil && r.Route.Policy != nil }

// Owned reports whether the CORS fields of the answer are the gateway's, not the upstream's.
func (r *Rehearsal) Owned() bool {
	return r.Answered || r.Route.Policy != nil && !r.Route.Policy.Passthrough()
}

// Target returns what stands in the request line for the upstream.
// Precondition: the request is not answered here.
func (r *Rehearsal) Target() string {
	_, line, _ := strings.Cut(string(r.head), " ")
	target, _, _ := strings.Cut(line, " ")
	return target
}

// Header returns the lines of the answer's head and its content, as far as they are the gateway's.
func (r *Rehearsal) Header() (lines []string, content string) {
	head, rest, _ := bytes.Cut(r.out, []byte("\r\n\r\n"))
	lines = strings.Split(string(head), "\r\n")
	if r.Answered {
		return lines, string(rest)
	}
	fields := []string{}
	if !r.Owned() {
		return fields, ""
	}
	for _, line := range lines[1:] {
		if name, _, _ := strings.Cut(line, ":"); name != "Date" && name != "Content-Length" && name != "Connection" {
			fields = append(fields, line)
		}
	}
	return fields, ""
}

// Answer returns the response that a browser receives.
func (r *Rehearsal) Answer() *fetch.Answer {
	a := &fetch.Answer{Status: r.Status, Header: http.Header{}, Open: !r.Owned(), Guarded: r.Guarded()}
	lines, _ := r.Header()
	for _, line := range lines {
		if name, value, ok := strings.Cut(line, ": "); ok {
			a.Header.Add(name, value)
		}
	}
	if a.Guarded && r.noted && a.Status == 403 {
		a.Refused = r.Reason.String()
	}
	return a
}
